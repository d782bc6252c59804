"""Whether the text layer of a page says what the page shows. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["LayerFacts", "bad_share", "is_trustworthy", "vowel_share"]

_BAD = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff]")
_NOT_LATIN = re.compile("[^A-Za-z\u00c0-\u024f]+")
_VOWELS = re.compile(
    "[aeiouyAEIOUY\u00c0-\u00c6\u00c8-\u00cf\u00d2-\u00d6\u00d8-\u00dd\u00e0-\u00e6\u00e8-\u00ef\u00f2-\u00f6\u00f8-\u00fd]"
)
_ENOUGH_LETTERS = 100  # fewer say nothing about the language: part numbers, stock lists


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFacts:
    """What speaks for and against a text layer. Shares are 0 to 1."""

    characters: int
    """Without white space."""
    bad: float
    """Share of characters that stand for nothing: U+FFFD, private use, control characters."""
    unmapped: float
    """Share of characters whose font does not say which they are (no ToUnicode map): their codes are glyph numbers."""
    readable: float
    """Share of letters and digits among the characters, dot leaders and rules not counted."""
    vowels: float
    """Share of vowels among Latin letters: low where other letters are written than are shown; 0.4 if there are few."""
    spaced: float
    """Share of words of one character: high where letters stand apart and words cannot be told."""
    unseen: float
    """Share of text objects that nobody sees: not painted (the layer that OCR programs add), transparent, white on white,
    too small, or under a picture."""
    pictures: float
    """Share of the page that is covered by images."""
    other_objects: int
    """Images, paths and shadings on the page."""


def is_trustworthy(facts: LayerFacts) -> bool:
    """Whether the layer is the page's own text.

    Not so: hardly any text beside other content (outlined fonts, a page number stamped on a scan), text that cannot
    be decoded or split into words, and an unseen layer, which came from an unknown reader of a scan. Visible text over
    a picture is the page's own; the picture is then read beside it (`docmill.ocr.hybrid`).
    """
    if facts.characters == 0:
        return False
    if facts.characters < 10 and facts.other_objects > 0:
        return False
    if max(facts.bad, facts.unmapped) > 0.05 or facts.readable < 0.4 or facts.vowels < 0.2:
        return False
    if facts.spaced > 0.6 and facts.characters > 50:
        return False
    return facts.unseen <= 0.5


def bad_share(solid: str) -> float:
    """`LayerFacts.bad` of text without white space."""
    return len(_BAD.findall(solid)) / max(1, len(solid))


def vowel_share(solid: str) -> float:
    """`LayerFacts.vowels`.

    Measured on 240 pages in six languages: no page of 100 letters has fewer than 0.27 (price lists full of station
    names); text whose codes are shifted by the usual 29 has 0.15.
    """
    letters = len(_NOT_LATIN.sub("", solid))
    return len(_VOWELS.findall(solid)) / letters if letters >= _ENOUGH_LETTERS else 0.4
