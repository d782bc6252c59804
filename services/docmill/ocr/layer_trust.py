"""Whether the text layer of a page says what the page shows. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

__all__ = ["LayerFacts", "bad_share", "broken_share", "is_trustworthy"]

_LOST = "\x00-\x08\x0e-\x1f\x7f-\x9f\ufffd"
_PRIVATE = "\ue000-\uf8ff\U000f0000-\U0010ffff"
_BAD = re.compile(f"[{_LOST}{_PRIVATE}]")
_KNOWN = "0-9A-Za-z\u00c0-\u024f"
# A lost letter or digit, rather than a bullet or an icon: these stand alone, or before the word.
_BROKEN = re.compile(f"[{_KNOWN}][{_LOST}]|[{_LOST}][.,:/-]?[{_LOST}]|[{_KNOWN}][{_PRIVATE}]+[{_KNOWN}]")
_FEW_BROKEN = 0.002  # of the words, one in 500; no sound page among 440 has any
_USUAL, _USUAL_FEW = 5.0, 5.0  # see `_least_usual`


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFacts:
    """What speaks for and against a text layer. Shares are 0 to 1."""

    characters: int
    """Without white space."""
    bad: float
    """Share of characters that stand for nothing: U+FFFD, private use, control characters."""
    broken: float
    """Share of words in which such a character takes the place of a letter or a digit."""
    unmapped: float
    """Share of characters whose font does not say which they are (no ToUnicode map): their codes are glyph numbers."""
    readable: float
    """Share of letters and digits among the characters, dot leaders and rules not counted."""
    usual: float
    """How usual its pairs of letters are, 0 to 9: low where other letters are written than are shown."""
    pairs: int
    """How many pairs were counted; 0 where they are too few, or no Latin letters."""
    spaced: float
    """Share of words of one character: high where letters stand apart and words cannot be told."""
    unseen: float
    """Share of text objects that nobody sees: not painted (the layer that OCR programs add), transparent, white on white,
    too small, clipped away from a scan, or under a picture."""
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
    if max(facts.bad, facts.unmapped) > 0.05 or facts.readable < 0.4:
        return False
    if facts.broken > _FEW_BROKEN:
        return False
    if facts.pairs and facts.usual < _least_usual(facts.pairs):
        return False
    if facts.spaced > 0.6 and facts.characters > 50:
        return False
    return facts.unseen <= 0.5


def bad_share(solid: str) -> float:
    """`LayerFacts.bad` of text without white space."""
    return len(_BAD.findall(solid)) / max(1, len(solid))


def broken_share(text: str) -> float:
    """`LayerFacts.broken`."""
    if _BAD.search(text) is None:
        return 0.0
    words = text.split()
    return sum(_BROKEN.search(word) is not None for word in words) / max(1, len(words))


def _least_usual(pairs: int) -> float:
    """What text has that says what it shows: the fewer pairs, the more it may stray.

    Measured on 422 pages that are sound: those of 50 pairs and more have 5.7 at least, Welsh, the most unlike the others
    of 31 languages, has 5.8. Shifted by any number of letters, the same pages have 2.9 and seldom more than 4: all but
    one in 200 are found. Of their parts, short as they may be, one in 50 is not from 40 pairs on, one in ten at 15 pairs.
    """
    return _USUAL - _USUAL_FEW / math.sqrt(pairs)
