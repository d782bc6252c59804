"""What stands on a PDF page beside its characters: pictures, outlined letters, and text that nobody sees.

Objects are visited in the order in which they are drawn, forms opened, so that it is known what covers what.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import compress, repeat

import numpy as np
import pypdfium2
from numpy.typing import NDArray
from pypdfium2 import raw

from docmill.domain.pages import Box
from docmill.ocr import bulk

__all__ = ["Drawing", "Placement", "Survey", "placement", "survey"]

_Matrix = tuple[float, float, float, float, float, float]
_Rect = tuple[float, float, float, float]  # left, bottom, right, top in the page's user space
_Object = tuple[int, int, _Matrix]  # address, kind, matrix of the form it stands in
_IDENTITY: _Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_MAX_OBJECTS = 50_000  # of a page; beyond them it is judged by what was seen
_MAX_DEPTH = 4  # of forms within forms
_UNSEEN = frozenset({raw.FPDF_TEXTRENDERMODE_INVISIBLE, raw.FPDF_TEXTRENDERMODE_CLIP})
_COVERS = 0.3  # share of the page from which on a picture is suspected of hiding text that was drawn before it
_GLYPH_SEGMENTS = 8  # a path of fewer is a rule, a box or an arrow
_SEGMENTS_PER_GLYPH = 25  # of outlined text, on average; so a path of a whole line counts as many letters
_GLYPH_HEIGHT = (3.0, 72.0)  # points
_ANY_NUMBER = 1_000_000  # what an image may show


@dataclass(frozen=True, slots=True)
class Drawing:
    """Something that may show text without having characters, and how many letters it holds at most."""

    box: Box
    """In points after rotation, on the page."""
    letters: int

    @property
    def is_picture(self) -> bool:
        """An image; otherwise a filled path."""
        return self.letters == _ANY_NUMBER


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The objects of a page, counted."""

    texts: tuple[int, ...]
    """Addresses of the text objects, as drawn."""
    unseen: frozenset[int]
    """Addresses of the text objects that are not painted, or painted over by a large picture."""
    others: int
    """Images, paths and shadings."""
    covered: float
    """Share of the page, 0 to 1, under pictures (counted twice where two overlap)."""
    drawings: tuple[Drawing, ...]
    """Pictures, and filled paths that look like letters."""


@dataclass(frozen=True, slots=True)
class _Objects:
    """In columns, as a tuple for each of thousands keeps Python's garbage collector busy."""

    addresses: list[int]
    kinds: list[int]
    matrices: list[_Matrix]
    """Of the form that the object stands in."""

    def __getitem__(self, index: int) -> _Object:
        return self.addresses[index], self.kinds[index], self.matrices[index]

    def add(self, addresses: list[int], kinds: list[int], matrix: _Matrix) -> None:
        self.addresses.extend(addresses)
        self.kinds.extend(kinds)
        self.matrices.extend(repeat(matrix, len(kinds)))


@dataclass(frozen=True, slots=True)
class Placement:
    """From the page's user space (origin bottom left, any crop box) to points after rotation, origin top left."""

    left: float
    bottom: float
    right: float
    top: float
    quarter_turns: int

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in points, as shown."""
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

    def visible(self, rect: _Rect) -> _Rect | None:
        """The part of `rect` that is on the page."""
        left, bottom = max(rect[0], self.left), max(rect[1], self.bottom)
        right, top = min(rect[2], self.right), min(rect[3], self.top)
        return (left, bottom, right, top) if left < right and bottom < top else None


def placement(page: pypdfium2.PdfPage) -> Placement:
    """Where `page` stands in its user space."""
    left, bottom, right, top = page.get_bbox()
    return Placement(left, bottom, right, top, page.get_rotation() // 90 % 4)


def survey(page: pypdfium2.PdfPage, place: Placement) -> Survey:
    """Looks at every object of the page once."""
    width, height = place.size
    area = max(1.0, width * height)
    objects = _objects(page)
    is_text = [kind == raw.FPDF_PAGEOBJ_TEXT for kind in objects.kinds]
    texts = list(compress(objects.addresses, is_text))
    modes = bulk.render_modes(texts)
    unseen = {text for text, mode in zip(texts, modes, strict=True) if mode in _UNSEEN} if any(modes) else set()
    covered = 0.0
    rects: list[_Rect] = []
    letters: list[int] = []
    for index in [index for index, text in enumerate(is_text) if not text]:
        obj, kind, matrix = objects[index]
        count = _letters(obj, kind)
        rect = place.visible(_bounds(obj, matrix)) if count else None
        if rect is None or not _may_be_letters(rect, count):
            continue
        rects.append(rect)
        letters.append(count)
        if kind == raw.FPDF_PAGEOBJ_IMAGE:
            share = (rect[2] - rect[0]) * (rect[3] - rect[1]) / area
            covered += share
            if share > _COVERS and not raw.FPDFPageObj_HasTransparency(_pointer(obj)):
                unseen.update(_texts_inside(map(objects.__getitem__, range(index)), rect))
    boxes = place.boxes(np.array(rects, dtype=np.float64).reshape(-1, 4)).tolist()
    return Survey(
        texts=tuple(texts),
        unseen=frozenset(unseen),
        others=len(is_text) - len(texts),
        covered=min(1.0, covered),
        drawings=tuple(Drawing(Box(*box), count) for box, count in zip(boxes, letters, strict=True)),
    )


def _texts_inside(objects: Iterable[_Object], rect: _Rect) -> Iterator[int]:
    for obj, kind, matrix in objects:
        if kind == raw.FPDF_PAGEOBJ_TEXT and _is_inside(_bounds(obj, matrix), rect):
            yield obj


def _letters(obj: int, kind: int) -> int:
    """How many letters the object, which is no text, shows at most."""
    if kind == raw.FPDF_PAGEOBJ_IMAGE:
        return _ANY_NUMBER
    if kind != raw.FPDF_PAGEOBJ_PATH:
        return 0
    segments = bulk.segments(obj)
    if segments < _GLYPH_SEGMENTS:
        return 0
    path = _pointer(obj)
    filled, stroked = ctypes.c_int(), ctypes.c_int()
    raw.FPDFPath_GetDrawMode(path, ctypes.byref(filled), ctypes.byref(stroked))
    if not filled.value or not _is_curved(path, segments):
        return 0
    return max(1, segments // _SEGMENTS_PER_GLYPH)


def _is_curved(path: ctypes.c_void_p, segments: int) -> bool:
    """Letters have curves, most of them; grids and the backgrounds of tables have none."""
    return any(
        raw.FPDFPathSegment_GetType(raw.FPDFPath_GetPathSegment(path, index)) == raw.FPDF_SEGMENT_BEZIERTO
        for index in range(min(segments, 2 * _SEGMENTS_PER_GLYPH))
    )


def _may_be_letters(rect: _Rect, count: int) -> bool:
    height = rect[3] - rect[1]
    return count > 1 or _GLYPH_HEIGHT[0] <= height <= _GLYPH_HEIGHT[1]


def _is_inside(inner: _Rect, outer: _Rect) -> bool:
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]


def _objects(page: pypdfium2.PdfPage) -> _Objects:
    """Objects of the page and of the forms in it, as drawn."""
    found = _Objects([], [], [])
    count = min(raw.FPDFPage_CountObjects(page.raw), _MAX_OBJECTS)
    _open(bulk.page_members(bulk.address(page.raw), count), _IDENTITY, 0, found)
    return found


def _open(members: list[int], matrix: _Matrix, depth: int, found: _Objects) -> None:
    """Adds `members` to what was `found`, and those of forms among them."""
    kinds = bulk.kinds(members)
    begin = 0
    for index in [*(index for index, kind in enumerate(kinds) if kind == raw.FPDF_PAGEOBJ_FORM), len(members)]:
        found.add(members[begin:index], kinds[begin:index], matrix)
        if index < len(members) and depth < _MAX_DEPTH and len(found.kinds) < _MAX_OBJECTS:
            form = _pointer(members[index])
            count = min(raw.FPDFFormObj_CountObjects(form), _MAX_OBJECTS - len(found.kinds))
            inner = bulk.form_members(members[index], count)
            _open(inner, _times(_matrix_of(form), matrix), depth + 1, found)
        begin = index + 1


def _pointer(obj: int) -> ctypes.c_void_p:
    """The object as pypdfium2 wants it."""
    pointer: ctypes.c_void_p = ctypes.cast(obj, raw.FPDF_PAGEOBJECT)
    return pointer


def _matrix_of(form: ctypes.c_void_p) -> _Matrix:
    matrix = raw.FS_MATRIX()
    if not raw.FPDFPageObj_GetMatrix(form, ctypes.byref(matrix)):
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


def _bounds(obj: int, matrix: _Matrix) -> _Rect:
    sides = [ctypes.c_float() for _ in range(4)]
    if not raw.FPDFPageObj_GetBounds(_pointer(obj), *map(ctypes.byref, sides)):
        return (0.0, 0.0, 0.0, 0.0)
    left, bottom, right, top = (side.value for side in sides)
    if matrix is _IDENTITY:
        return (left, bottom, right, top)
    a, b, c, d, e, f = matrix
    xs, ys = zip(*((a * x + c * y + e, b * x + d * y + f) for x in (left, right) for y in (bottom, top)), strict=True)
    return (min(xs), min(ys), max(xs), max(ys))
