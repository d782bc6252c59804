"""The mark of long vowels in katakana words: the recogniser takes it for the Chinese one now and then, which looks the same."""

from __future__ import annotations

import re
from collections.abc import Sequence

from docmill.domain.pages import Line, Word

__all__ = ["with_long_vowels"]

_ONE, _LONG = "\u4e00", "\u30fc"
_BETWEEN = re.compile(
    f"(?<=[\u30a1-\u30fa]){_ONE}(?=[\u30a1-\u30f4\u30f7-\u30fa])"
)  # not before a counter: "one month"


def with_long_vowels(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines of a page; a one between two letters of katakana, where nobody writes one, is a mark of a long vowel."""
    return tuple(Line(tuple(map(_mended, line.words))) for line in lines)


def _mended(word: Word) -> Word:
    return word._replace(text=_BETWEEN.sub(_LONG, word.text)) if _ONE in word.text else word
