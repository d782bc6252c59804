"""The text layer of a PDF page: its words with boxes, and what speaks for and against trusting them.

Characters come from PDFium in one bulk call; boxes are asked for the first and the last character of each word only
(a call per character through ctypes would take longer than parsing the page). Boxes are "loose": the font's ascent
and descent, so that words of one line are equally tall.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pypdfium2
from pypdfium2 import raw

from docmill.domain.pages import Box, Line, Word
from docmill.ocr.layer_trust import LayerFacts, bad_share, is_trustworthy, vowel_share
from docmill.ocr.lines import arrange
from docmill.ocr.page_objects import Drawing, Placement, Survey, placement, survey

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TextLayer", "read_text_layer"]

_HYPHENS = "\x02\ufffe"  # what PDFium makes of a hyphen that breaks a word, the rest of it following without a blank
_WORD = re.compile(rf"[^\s{_HYPHENS}]+[{_HYPHENS}]?|[{_HYPHENS}]")
_UNPRINTED = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TO_HYPHEN = str.maketrans(dict.fromkeys(_HYPHENS, "-"))
_Span = tuple[int, int]
_Rect = tuple[float, float, float, float]  # left, bottom, right, top in the page's user space
_Corners = Callable[[int], _Rect]
_APART = 0.5  # of a character's size, between two that belong to different words
_BESIDE, _OVER = 0.1, -0.25  # the same for two that different commands drew: apart, or the second one over the first
_NOWHERE = (float("nan"),) * 4  # no comparison holds, so the word is not on the page
# The address of a character's text object; pypdfium2 would make an object of it, for every word of a page.
_drawn_by = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)(
    ctypes.cast(raw.FPDFText_GetTextObject, ctypes.c_void_p).value or 0
)
_SAMPLE = 200  # characters of a page whose fonts are asked whether they know what they show


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLayer:
    """Words in points after rotation, origin top left."""

    lines: tuple[Line, ...]
    facts: LayerFacts
    unseen: frozenset[Word] = frozenset()
    """Those of the words that are not painted, or painted over."""
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
        text = _characters(textpage.raw)
        if _WORD.search(text) is None:
            return None
        place = placement(page)
        found = survey(page, place)
        starts, words = _words(textpage.raw, text, place)
        unseen = _unseen(textpage.raw, starts, words, found.unseen) if found.unseen else frozenset()
        unmapped = _unmapped(textpage.raw, text)
    finally:
        textpage.close()
    facts = _facts(_whole(text.translate(_TO_HYPHEN)), words, unmapped, found)
    return TextLayer(lines=arrange(words), facts=facts, unseen=unseen, drawings=found.drawings)


def _characters(textpage: ctypes.c_void_p) -> str:
    """One Python character per PDFium character, so that string positions are character indices."""
    count = raw.FPDFText_CountChars(textpage)
    if count <= 0:
        return ""
    buffer = (ctypes.c_ushort * (count + 1))()
    written = raw.FPDFText_GetText(textpage, 0, count, buffer)  # counts the terminator; leaves out what has no code
    text = bytes(buffer)[: 2 * count].decode("utf-16-le", errors="replace")
    if written != count + 1 or len(text) != count:
        text = "".join(_character(raw.FPDFText_GetUnicode(textpage, index)) for index in range(count))
    return text


def _character(code: int) -> str:
    """PDFium's characters are UTF-16 units: those beyond U+FFFF are two, to be put together by `_whole`."""
    return chr(code) if 0 < code < 0x110000 else "\ufffd"


def _whole(text: str) -> str:
    if _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _unmapped(textpage: ctypes.c_void_p, text: str) -> float:
    """Share of characters without a Unicode value, from an even sample."""
    sample = [index for index in range(0, len(text), -(-len(text) // _SAMPLE)) if not text[index].isspace()]
    missing = [index for index in sample if raw.FPDFText_HasUnicodeMapError(textpage, index) == 1]
    return len(missing) / max(1, len(sample))


def _words(textpage: ctypes.c_void_p, text: str, place: Placement) -> tuple[list[int], list[Word]]:
    """Words on the visible part of the page, and where in `text` each begins."""
    corners = _corner_reader(textpage)
    spans, rects = _united(textpage, [match.span() for match in _WORD.finditer(text)], corners)
    width, height = place.size
    printed = text.translate(_TO_HYPHEN)
    odd = _UNPRINTED.search("".join(printed.split())) is not None or _SURROGATE.search(printed) is not None
    starts: list[int] = []
    words: list[Word] = []
    for (start, end), (x, y, w, h) in zip(spans, place.boxes(rects).tolist(), strict=True):
        shown = _whole(_UNPRINTED.sub("", printed[start:end])) if odd else printed[start:end]
        if shown and 0 <= x + w / 2 <= width and 0 <= y + h / 2 <= height:
            starts.append(start)
            words.append(Word(shown, Box(x, y, w, h), 1.0))
    return starts, words


def _united(
    textpage: ctypes.c_void_p, spans: list[_Span], corners: _Corners
) -> tuple[list[_Span], NDArray[np.float64]]:
    """The words' spans and rectangles; what stands apart on the page without a blank in the text is parted.

    Two characters of a word span it. Where those stand strangely (back, on another line, too far) or were drawn by
    different commands, all are looked at.
    """
    first = np.array([corners(start) for start, _ in spans], dtype=np.float64)
    last = np.array([corners(end - 1) for _, end in spans], dtype=np.float64)
    rects = np.hstack([np.minimum(first, last)[:, :2], np.maximum(first, last)[:, 2:]])
    lengths = np.array([end - start for start, end in spans])
    tall = first[:, 3] - first[:, 1]
    strange = last[:, 0] < first[:, 0] - 0.3 * tall
    strange |= rects[:, 3] - rects[:, 1] > 1.5 * tall
    strange |= rects[:, 2] - rects[:, 0] > 1.2 * tall * lengths
    strange |= [_drawn_by(textpage, start) != _drawn_by(textpage, end - 1) for start, end in spans]
    strange &= lengths > 1
    if not strange.any():
        return spans, rects
    whole = [span for span, is_strange in zip(spans, strange.tolist(), strict=True) if not is_strange]
    looked_at = [span for span, is_strange in zip(spans, strange.tolist(), strict=True) if is_strange]
    parts, around = _parted(textpage, looked_at, corners)
    order = np.argsort([start for start, _ in (*whole, *parts)], kind="stable")
    return sorted([*whole, *parts]), np.vstack([rects[~strange], around])[order]


def _parted(
    textpage: ctypes.c_void_p, spans: list[_Span], corners: _Corners
) -> tuple[list[_Span], NDArray[np.float64]]:
    """The spans cut where characters that follow each other do not stand side by side, with the rectangles."""
    indices = [index for start, end in spans for index in range(start, end)]
    boxes = np.array([corners(index) for index in indices], dtype=np.float64)
    drawn_by = np.array([_drawn_by(textpage, index) or 0 for index in indices], dtype=np.uint64)
    sizes = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    gaps = np.maximum(boxes[1:, :2] - boxes[:-1, 2:], boxes[:-1, :2] - boxes[1:, 2:]).max(axis=1)
    gaps /= np.maximum(np.minimum(sizes[1:], sizes[:-1]), 1e-6)
    cut = (gaps > _APART) | ((drawn_by[1:] != drawn_by[:-1]) & ((gaps > _BESIDE) | (gaps < _OVER)))
    begins = np.cumsum([0, *(end - start for start, end in spans)])[:-1]
    first = np.union1d(begins, np.flatnonzero(cut) + 1)
    last = np.concatenate([first[1:], [len(indices)]]) - 1
    parts = [(indices[a], indices[b] + 1) for a, b in zip(first.tolist(), last.tolist(), strict=True)]
    corner = np.fmin.reduceat(boxes[:, :2], first, axis=0)
    return parts, np.hstack([corner, np.fmax.reduceat(boxes[:, 2:], first, axis=0)])


def _unseen(
    textpage: ctypes.c_void_p, starts: Sequence[int], words: Sequence[Word], objects: frozenset[int]
) -> frozenset[Word]:
    return frozenset(word for start, word in zip(starts, words, strict=True) if _drawn_by(textpage, start) in objects)


def _corner_reader(textpage: ctypes.c_void_p) -> _Corners:
    """A function from a character's index to (left, bottom, right, top), with the ctypes work done once."""
    rect = raw.FS_RECTF()
    rect_pointer = ctypes.byref(rect)
    sides = [ctypes.c_double() for _ in range(4)]
    side_pointers = [ctypes.byref(side) for side in sides]
    loose, tight = raw.FPDFText_GetLooseCharBox, raw.FPDFText_GetCharBox

    def corners(index: int) -> _Rect:
        if loose(textpage, index, rect_pointer) and rect.top - rect.bottom > 0.5 and rect.right > rect.left:
            return rect.left, rect.bottom, rect.right, rect.top
        if not tight(textpage, index, *side_pointers):  # fonts without an ascent, characters without a width
            return _NOWHERE
        left, right, bottom, top = (side.value for side in sides)
        return left, bottom, right, top

    return corners


def _facts(text: str, words: Sequence[Word], unmapped: float, found: Survey) -> LayerFacts:
    solid = "".join(text.split())
    ruled = sum(map(solid.count, "._-…·"))
    letters = sum(map(str.isalnum, solid))
    return LayerFacts(
        characters=len(solid),
        bad=bad_share(solid),
        unmapped=unmapped,
        readable=letters / max(1, len(solid) - ruled),
        vowels=vowel_share(solid),
        spaced=sum(len(word.text) == 1 for word in words) / max(1, len(words)),
        unseen=len(found.unseen) / max(1, found.texts),
        pictures=found.covered,
        other_objects=found.others,
    )
