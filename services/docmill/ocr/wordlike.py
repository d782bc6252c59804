"""Whether text looks like text: a share of its tokens, by their shape alone.

No dictionary is asked, so every language in Latin letters counts, and so do names. A token looks like a word, a number
or a code if, without the punctuation around it, each part between punctuation does:

- digits do (numbers, dates, times, amounts);
- letters do if they have a vowel, no more than five consonants or four vowels in a row, no letter three times in a row,
  and at most one capital after a small letter; without a vowel, up to five that begin with a capital or three do
  (`BHD`, `GmbH`, `kg`);
- letters and digits together do if they change at most three times (`TD0116`, `2x500g`, `RM12`).

Words of other scripts cannot be told from garbage this way and always do; Chinese, Japanese and Korean join Latin words
and numbers without a blank (`用紙A4`), and only these are looked at. Single characters and rows of one sign say
nothing and are not counted. Anything else is not wordlike: signs among letters, scripts mixed within a word,
characters without meaning, as broken fonts and misread lines give them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from docmill.ocr.scripts import SIGNS, has_wide

__all__ = ["is_wordlike", "share"]

# ruff: noqa: RUF001 - the dashes, quotes and letters of print
_EDGE = ".,:;!?()[]{}<>\"'“”„‘’‚«»‹›|*_/\\-–—=+#~^`´&@%$€£¥§•·°©®™…" + SIGNS
_BETWEEN = re.compile(rf"[-–—'’./&,:_@%*+=#()\\{re.escape(SIGNS)}]+")
_LATIN_RUNS = re.compile("[0-9A-Za-z\u00c0-\u024f]+")
_DIGRAPHS = re.compile(r"sch|ch|sh|th|ph|ck|cz|sz|ng")  # one consonant each
_VOWELS = frozenset("aeiouyæœøıəɛ")
_THRICE = re.compile(r"(.)\1\1")
_INNER_CAPITAL = re.compile(r"[^\W\d_A-Z](?=[A-Z])")
_RUNS = re.compile(r"\d+|[^\W\d_]+")
_MAX_CONSONANTS, _MAX_VOWELS = 5, 4
_MAX_CAPITALS, _MAX_SMALL = 5, 3  # letters without a vowel, by how they begin
_MAX_CHANGES = 3  # between letters and digits


def share(words: Iterable[str]) -> tuple[float, int]:
    """Share of the countable tokens of `words` that are wordlike (1.0 if there are none), and how many are countable."""
    verdicts = [is_wordlike(token) for word in words for token in word.split() if _is_countable(token)]
    return (sum(verdicts) / len(verdicts) if verdicts else 1.0), len(verdicts)


def is_wordlike(token: str) -> bool:
    """Whether `token`, which has no blanks in it, has the shape of a word, a number or a code."""
    bare = token.strip(_EDGE).removeprefix("www.")
    return bool(bare) and all(_is_part(part) for part in _BETWEEN.split(bare) if part)


def _is_countable(token: str) -> bool:
    bare = token.strip(_EDGE)
    return len(bare) > 1 or (not bare and len(set(token)) > 1)


def _is_part(part: str) -> bool:
    if part.isdecimal():
        return True
    if has_wide(part):
        return all(_is_part(run) for run in _LATIN_RUNS.findall(part))
    plain = _plain(part)
    if not any(_is_latin(letter) for letter in plain):
        return any(letter.isalpha() for letter in plain)
    if not all(letter.isdecimal() or _is_latin(letter) for letter in plain):
        return False
    if plain.isalpha():
        return _is_word(plain)
    return len(_RUNS.findall(plain)) - 1 <= _MAX_CHANGES


def _plain(part: str) -> str:
    """`part` without accents."""
    decomposed = unicodedata.normalize("NFD", part) if not part.isascii() else part
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _is_latin(letter: str) -> bool:
    return letter.isalpha() and (letter < "\u0250" or "\u1e00" <= letter <= "\u1eff" or "\ufb00" <= letter <= "\ufb06")


def _is_word(letters: str) -> bool:
    """Whether Latin letters without accents have the shape of a word."""
    if len(_INNER_CAPITAL.findall(letters)) > 1:
        return False
    small = letters.lower()
    if not _VOWELS.intersection(small):
        return len(letters) <= (_MAX_CAPITALS if letters[0].isupper() else _MAX_SMALL)
    if _THRICE.search(small) and not (letters.isupper() and len(letters) <= _MAX_CAPITALS):  # XXX, VIII
        return False
    return _runs_are_short(_DIGRAPHS.sub("h", small))


def _runs_are_short(small: str) -> bool:
    consonants = vowels = 0
    for letter in small:
        consonants, vowels = (0, vowels + 1) if letter in _VOWELS else (consonants + 1, 0)
        if consonants > _MAX_CONSONANTS or vowels > _MAX_VOWELS:
            return False
    return True
