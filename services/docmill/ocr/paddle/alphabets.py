"""Which of the recogniser's characters a set of languages needs.

PP-OCRv6 small knows Latin letters with the marks of the European languages, Chinese, and Japanese. It has no Cyrillic,
no Hangul, Greek letters without accents only (for formulas) and two of Vietnam's: those languages it cannot read.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from docmill.ocr import EngineUnavailable

_LATIN_LANGUAGES = frozenset(
    {
        "af", "ast", "az", "bs", "ca", "cs", "cy", "da", "de", "en", "eo", "es", "et", "eu", "fi", "fo", "fr", "fy",
        "ga", "gd", "gl", "hr", "ht", "hu", "id", "is", "it", "ku", "la", "lb", "lt", "lv", "mi", "ms", "mt", "nb",
        "nl", "nn", "no", "oc", "pl", "pt", "rm", "ro", "sk", "sl", "sq", "sv", "sw", "tl", "tr",
    }
)  # fmt: skip
_WIDE_LANGUAGES = frozenset({"ja", "zh"})
_NOT_QUICK = frozenset(
    {"az", "ja", "ro", "zh"}
)  # the quick recogniser lacks ə, kana, and ș and ț; Chinese was not tried

_RANGES = (
    (0x21, 0x7E),  # ASCII
    (0xA1, 0x17F),  # Latin-1 and Latin Extended-A
    (0x218, 0x21B),  # Romanian S and T
    (0x2010, 0x203A),  # dashes, quotation marks, bullets
    (0x2070, 0x209F),  # superscripts and subscripts
    (0x20A0, 0x20CF),  # currencies
    (0x2190, 0x2193),  # arrows
    (0x2610, 0x2612),  # boxes to tick
    (0x2713, 0x2718),  # ticks and crosses
)
_SINGLES = frozenset("ƒƏəΔΣΩαβγδμπσ℃℉№™\N{MINUS SIGN}∞≈≠≤≥√∅■□●○◆▪▲▼►◄★☆")


@dataclass(frozen=True, slots=True)
class Alphabet:
    """A choice among the recogniser's characters."""

    name: str
    keep: Callable[[str], bool] | None
    """Whether a character belongs to it; None if all do."""


def _is_latin(char: str) -> bool:
    return char in _SINGLES or any(chr(first) <= char <= chr(last) for first, last in _RANGES)


def _is_japanese(char: str) -> bool:
    """Latin, or in JIS X 0208 and its extensions by NEC and IBM: not the forms of characters that only China prints."""
    if _is_latin(char):
        return True
    try:
        char.encode("cp932")
    except UnicodeEncodeError:
        return False
    return True


LATIN = Alphabet("latin", _is_latin)
JAPANESE = Alphabet("japanese", _is_japanese)
ALL = Alphabet("all", None)


def alphabet_of(languages: Sequence[str]) -> Alphabet:
    """The smallest alphabet that can write all of `languages` (ISO 639-1; `de-AT` is `de`).

    Raises `EngineUnavailable` for a language that the recogniser has no letters for.
    """
    asked = _asked(languages)
    unknown = sorted(asked - _LATIN_LANGUAGES - _WIDE_LANGUAGES)
    if unknown:
        known = ", ".join(sorted(_LATIN_LANGUAGES | _WIDE_LANGUAGES))
        raise EngineUnavailable(
            f"The engine paddle cannot read {', '.join(map(repr, unknown))}; it knows the languages {known}."
            " Tesseract and EasyOCR have weights for others"
        )
    if "zh" in asked:
        return ALL
    return JAPANESE if "ja" in asked else LATIN


def knows_quick(languages: Sequence[str]) -> bool:
    """Whether the quick recogniser has the letters of all of `languages`, too."""
    return not _asked(languages) & _NOT_QUICK


def _asked(languages: Sequence[str]) -> set[str]:
    return {
        unicodedata.normalize("NFKC", language).strip().lower().replace("_", "-").split("-")[0]
        for language in languages
    }
