"""The text layer of a PDF page: its words with boxes, and whether they may be trusted instead of reading the picture.

Characters come from PDFium in one bulk call; boxes are asked for the first and the last character of each word only
(a call per character through ctypes would take longer than parsing the page). Boxes are "loose": the font's ascent
and descent, so that words of one line are equally tall.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pypdfium2
from pypdfium2 import raw

from docmill.domain.pages import Box, Line, Word
from docmill.ocr.lines import arrange

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HYPHENS = "\x02\ufffe"  # what PDFium makes of a hyphen that breaks a word, the rest of it following without a blank
_WORD = re.compile(rf"[^\s{_HYPHENS}]+[{_HYPHENS}]?|[{_HYPHENS}]")
_UNPRINTED = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff]")
_BAD = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufffd\ue000-\uf8ff]")
_TO_HYPHEN = str.maketrans(dict.fromkeys(_HYPHENS, "-"))
_INVISIBLE = raw.FPDF_TEXTRENDERMODE_INVISIBLE
_Matrix = tuple[float, float, float, float, float, float]
_IDENTITY: _Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_NOWHERE = (float("nan"),) * 4  # no comparison holds, so the word is not on the page
_MAX_OBJECTS = 50_000  # of a page; beyond them it is judged by what was seen
_MAX_DEPTH = 4  # of forms within forms


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFacts:
    """What speaks for and against a text layer. Shares are 0 to 1."""

    characters: int
    """Without white space."""
    bad: float
    """Share of characters that stand for nothing: U+FFFD, private use, control characters."""
    readable: float
    """Share of letters and digits among the characters, dot leaders and rules not counted."""
    spaced: float
    """Share of words of one character: high where letters stand apart and words cannot be told."""
    invisible: float
    """Share of text objects in render mode 3 (neither filled nor stroked): the layer that OCR programs add."""
    pictures: float
    """Share of the page that is covered by images."""
    other_objects: int
    """Images, paths and shadings on the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLayer:
    """Words in points after rotation, origin top left."""

    lines: tuple[Line, ...]
    facts: LayerFacts

    @property
    def is_trustworthy(self) -> bool:
        """See `is_trustworthy`."""
        return is_trustworthy(self.facts)


def is_trustworthy(facts: LayerFacts) -> bool:
    """Whether the layer is the page's own text.

    Not so: hardly any text beside other content (outlined fonts, a page number stamped on a scan), text that cannot
    be decoded or split into words, an invisible layer, and any text over a picture of the whole page: that is a scan, whose hidden text
    came from an unknown reader.
    """
    if facts.characters == 0:
        return False
    if facts.characters < 10 and facts.other_objects > 0:
        return False
    if facts.bad > 0.05 or facts.readable < 0.4:
        return False
    if facts.spaced > 0.6 and facts.characters > 50:
        return False
    if facts.invisible > 0.5:
        return False
    return facts.pictures < 0.8 and not (facts.pictures > 0.3 and facts.characters < 200)


def read_text_layer(page: pypdfium2.PdfPage) -> TextLayer | None:
    """Words and facts of a page; None if it carries no character."""
    textpage = page.get_textpage()
    try:
        text = _characters(textpage.raw)
        if _WORD.search(text) is None:
            return None
        place = _placement(page)
        words = _words(textpage.raw, text, place)
    finally:
        textpage.close()
    return TextLayer(lines=arrange(words), facts=_facts(page, text.translate(_TO_HYPHEN), words))


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
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"


@dataclass(frozen=True, slots=True)
class _Placement:
    """From the page's user space (origin bottom left, any crop box) to points after rotation, origin top left."""

    left: float
    bottom: float
    right: float
    top: float
    quarter_turns: int

    @property
    def size(self) -> tuple[float, float]:
        width, height = self.right - self.left, self.top - self.bottom
        return (height, width) if self.quarter_turns % 2 else (width, height)

    def boxes(self, rects: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows (left, bottom, right, top) to rows (x, y, width, height), hundredths of a point."""
        left, bottom, right, top = rects.T
        across, up = right - left, top - bottom
        match self.quarter_turns:
            case 0:
                columns = (left - self.left, self.top - top, across, up)
            case 1:
                columns = (bottom - self.bottom, left - self.left, up, across)
            case 2:
                columns = (self.right - right, bottom - self.bottom, across, up)
            case _:
                columns = (self.top - top, self.right - right, up, across)
        return np.asarray(np.stack(columns, axis=1).round(2), dtype=np.float64)


def _placement(page: pypdfium2.PdfPage) -> _Placement:
    left, bottom, right, top = page.get_bbox()
    return _Placement(left, bottom, right, top, page.get_rotation() // 90 % 4)


def _words(textpage: ctypes.c_void_p, text: str, place: _Placement) -> list[Word]:
    """Words on the visible part of the page."""
    spans = [match.span() for match in _WORD.finditer(text)]
    corners = _corner_reader(textpage)
    first = np.array([corners(start) for start, _ in spans], dtype=np.float64)
    last = np.array([corners(end - 1) for _, end in spans], dtype=np.float64)
    rects = np.hstack([np.minimum(first, last)[:, :2], np.maximum(first, last)[:, 2:]])
    width, height = place.size
    printed = text.translate(_TO_HYPHEN)
    words: list[Word] = []
    for (start, end), (x, y, w, h) in zip(spans, place.boxes(rects).tolist(), strict=True):
        shown = _UNPRINTED.sub("", printed[start:end])
        if shown and 0 <= x + w / 2 <= width and 0 <= y + h / 2 <= height:
            words.append(Word(shown, Box(x, y, w, h), 1.0))
    return words


def _corner_reader(textpage: ctypes.c_void_p) -> Callable[[int], tuple[float, float, float, float]]:
    """A function from a character's index to (left, bottom, right, top), with the ctypes work done once."""
    rect = raw.FS_RECTF()
    rect_pointer = ctypes.byref(rect)
    sides = [ctypes.c_double() for _ in range(4)]
    side_pointers = [ctypes.byref(side) for side in sides]
    loose, tight = raw.FPDFText_GetLooseCharBox, raw.FPDFText_GetCharBox

    def corners(index: int) -> tuple[float, float, float, float]:
        if loose(textpage, index, rect_pointer) and rect.top - rect.bottom > 0.5 and rect.right > rect.left:
            return rect.left, rect.bottom, rect.right, rect.top
        if not tight(textpage, index, *side_pointers):  # fonts without an ascent, characters without a width
            return _NOWHERE
        left, right, bottom, top = (side.value for side in sides)
        return left, bottom, right, top

    return corners


def _facts(page: pypdfium2.PdfPage, text: str, words: Sequence[Word]) -> LayerFacts:
    solid = "".join(text.split())
    ruled = sum(map(solid.count, "._-…·")) if solid else 0
    letters = sum(map(str.isalnum, solid))
    texts = invisible = others = 0
    covered = 0.0
    for obj, kind, matrix in _objects(page):
        if kind == raw.FPDF_PAGEOBJ_TEXT:
            texts += 1
            invisible += raw.FPDFTextObj_GetTextRenderMode(obj) == _INVISIBLE
        else:
            others += 1
            if kind == raw.FPDF_PAGEOBJ_IMAGE:
                covered += _covered_area(obj, matrix, page)
    return LayerFacts(
        characters=len(solid),
        bad=len(_BAD.findall(text)) / max(1, len(solid)),
        readable=letters / max(1, len(solid) - ruled),
        spaced=sum(len(word.text) == 1 for word in words) / max(1, len(words)),
        invisible=invisible / max(1, texts),
        pictures=min(1.0, covered / max(1.0, page.get_width() * page.get_height())),
        other_objects=others,
    )


def _objects(page: pypdfium2.PdfPage) -> Iterator[tuple[ctypes.c_void_p, int, _Matrix]]:
    """Objects of the page and of the forms in it: (object, kind, matrix of the form it stands in)."""
    count = raw.FPDFPage_CountObjects(page.raw)
    stack = [(raw.FPDFPage_GetObject(page.raw, index), _IDENTITY, 0) for index in range(count)]
    seen = 0
    while stack and seen < _MAX_OBJECTS:
        obj, matrix, depth = stack.pop()
        seen += 1
        kind = raw.FPDFPageObj_GetType(obj)
        if kind != raw.FPDF_PAGEOBJ_FORM:
            yield obj, kind, matrix
        elif depth < _MAX_DEPTH:
            inner = _times(_matrix_of(obj), matrix)
            count = min(raw.FPDFFormObj_CountObjects(obj), _MAX_OBJECTS)
            stack.extend((raw.FPDFFormObj_GetObject(obj, index), inner, depth + 1) for index in range(count))


def _matrix_of(obj: ctypes.c_void_p) -> _Matrix:
    matrix = raw.FS_MATRIX()
    if not raw.FPDFPageObj_GetMatrix(obj, ctypes.byref(matrix)):
        return _IDENTITY
    return (matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)


def _times(m: _Matrix, n: _Matrix) -> _Matrix:
    """First `m`, then `n` (ISO 32000-1, 8.3.4)."""
    return (
        m[0] * n[0] + m[1] * n[2],
        m[0] * n[1] + m[1] * n[3],
        m[2] * n[0] + m[3] * n[2],
        m[2] * n[1] + m[3] * n[3],
        m[4] * n[0] + m[5] * n[2] + n[4],
        m[4] * n[1] + m[5] * n[3] + n[5],
    )


def _covered_area(obj: ctypes.c_void_p, matrix: _Matrix, page: pypdfium2.PdfPage) -> float:
    """Area of an image on the page, in square points."""
    sides = [ctypes.c_float() for _ in range(4)]
    if not raw.FPDFPageObj_GetBounds(obj, *map(ctypes.byref, sides)):
        return 0.0
    left, bottom, right, top = (side.value for side in sides)
    a, b, c, d, e, f = matrix
    corners = [(a * x + c * y + e, b * x + d * y + f) for x in (left, right) for y in (bottom, top)]
    page_left, page_bottom, page_right, page_top = map(float, page.get_bbox())
    width = min(page_right, max(x for x, _ in corners)) - max(page_left, min(x for x, _ in corners))
    height = min(page_top, max(y for _, y in corners)) - max(page_bottom, min(y for _, y in corners))
    return max(0.0, width) * max(0.0, height)
