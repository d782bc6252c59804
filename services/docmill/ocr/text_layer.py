"""The text layer of a PDF page: its words with boxes, and what speaks for and against trusting them.

Boxes are "loose": the font's ascent and descent, so that words of one line are equally tall.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np
import pypdfium2

from docmill.domain.pages import Box, Line, Word
from docmill.ocr import bulk
from docmill.ocr.characters import HYPHENS, Characters, read_characters
from docmill.ocr.layer_trust import LayerFacts, bad_share, broken_share, is_trustworthy
from docmill.ocr.letter_pairs import usual_pairs
from docmill.ocr.lines import arrange
from docmill.ocr.page_objects import Drawing, Survey, survey
from docmill.ocr.placement import Placement, placement

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TextLayer", "read_text_layer"]

_UNPRINTED = re.compile("[ \x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_LETTER = re.compile(r"[\W_]+")
_LOST = "\ufffd"
_UNCODED = "\ufffe\ufffe"  # what PDFium makes of two U+0000; a hyphen stands alone
_LEGIBLE = 1.0  # points: a third of a millimetre; the smallest print that is meant to be read has four
_LEGIBLE_SHARE = 1 / 300  # of the page's shorter side: small pages may be meant to be enlarged
_SAMPLE = 200  # characters of a page whose fonts are asked whether they know what they show


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLayer:
    """Words in points after rotation, origin top left."""

    lines: tuple[Line, ...]
    facts: LayerFacts
    unseen: frozenset[Word] = frozenset()
    """Those of the words that nobody sees: see `LayerFacts.unseen`."""
    drawings: tuple[Drawing, ...] = ()
    """What else on the page may show text."""

    @property
    def is_trustworthy(self) -> bool:
        """See `docmill.ocr.layer_trust.is_trustworthy`."""
        return is_trustworthy(self.facts)


def read_text_layer(page: pypdfium2.PdfPage) -> TextLayer | None:
    """Words and facts of a page; None if it carries no character."""
    textpage = page.get_textpage()
    try:
        characters = read_characters(textpage.raw)
        if not characters.printed.any():
            return None
        place = placement(page)
        found = survey(page, place, characters.too_small(_legible(place)))
        starts, words = _words(characters, place, found.texts)
        unseen = _unseen(characters, starts, words, found.unseen) if found.unseen else frozenset()
        unmapped = _unmapped(textpage.raw, characters.text)
        text = _with_lost(textpage.raw, characters.text) if unmapped else characters.text
    finally:
        textpage.close()
    facts = _facts(_whole(_with_hyphens(text.replace(_UNCODED, 2 * _LOST))), words, unmapped, found)
    return TextLayer(lines=arrange(words), facts=facts, unseen=unseen, drawings=found.drawings)


def _legible(place: Placement) -> float:
    """The size, in the page's units, below which nobody can read a text."""
    return min(_LEGIBLE, min(place.size) * _LEGIBLE_SHARE)


def _with_hyphens(text: str) -> str:
    for sign in HYPHENS:
        text = text.replace(sign, "-")
    return text


def _whole(text: str) -> str:
    if _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _unmapped(textpage: ctypes.c_void_p, text: str) -> float:
    """Share of characters without a Unicode value, from an even sample."""
    sample = [index for index in range(0, len(text), -(-len(text) // _SAMPLE)) if not text[index].isspace()]
    return sum(bulk.unmapped(bulk.address(textpage), sample)) / max(1, len(sample))


def _with_lost(textpage: ctypes.c_void_p, text: str) -> str:
    """`text` without the glyph numbers that stand in it for characters without a Unicode value."""
    lost = bulk.unmapped(bulk.address(textpage), range(len(text)))
    return "".join(_LOST if gone else letter for letter, gone in zip(text, lost, strict=True))


def _words(characters: Characters, place: Placement, drawn: Sequence[int]) -> tuple[NDArray[np.intp], list[Word]]:
    """Words on the visible part of the page, and where in the text each begins."""
    starts, ends = characters.cut(*characters.words(), drawn)
    boxes = place.boxes(characters.around(starts, ends))
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    seen = ((middles >= 0) & (middles <= place.size)).all(axis=1)  # not so where it is not a number
    texts = _texts(characters.text, starts[seen].tolist(), ends[seen].tolist())
    words = list(map(Word, texts, map(Box._make, boxes[seen].tolist()), repeat(1.0)))
    if "" not in texts:
        return starts[seen], words
    printed = [bool(text) for text in texts]
    return starts[seen][printed], [word for word in words if word.text]


def _texts(text: str, starts: Sequence[int], ends: Sequence[int]) -> list[str]:
    """What is printed of each word; nothing of some."""
    text = _with_hyphens(text)
    texts = [text[start:end] for start, end in zip(starts, ends, strict=True)]
    together = "".join(texts)
    if _UNPRINTED.search(together) is None and _SURROGATE.search(together) is None:
        return texts
    return [_whole(_UNPRINTED.sub("", text)) for text in texts]


def _unseen(
    characters: Characters, starts: NDArray[np.intp], words: Sequence[Word], objects: frozenset[int]
) -> frozenset[Word]:
    return frozenset(
        word for drawn_by, word in zip(characters.drawn_by(starts), words, strict=True) if drawn_by in objects
    )


def _facts(text: str, words: Sequence[Word], unmapped: float, found: Survey) -> LayerFacts:
    solid = "".join(text.split())
    ruled = sum(map(solid.count, "._-…·"))
    letters = len(_NO_LETTER.sub("", solid))
    usual, pairs = usual_pairs(" ".join({word.text for word in words}))  # each once: a set is quicker than its search
    return LayerFacts(
        characters=len(solid),
        bad=bad_share(solid),
        broken=broken_share(text),
        unmapped=unmapped,
        readable=letters / max(1, len(solid) - ruled),
        usual=usual,
        pairs=pairs,
        spaced=sum(len(word.text) == 1 for word in words) / max(1, len(words)),
        unseen=len(found.unseen) / max(1, len(found.texts)),
        pictures=found.covered,
        other_objects=found.others,
    )
