"""What stands on a PDF page beside its characters: pictures, outlined letters, and text that nobody sees.

Objects are visited in the order in which they are drawn, forms opened, so that it is known what covers what.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import pypdfium2
from pypdfium2 import raw

from docmill.domain.pages import Box
from docmill.ocr import bulk
from docmill.ocr.clipped_text import clipped_texts
from docmill.ocr.object_tree import Object, bounds, is_filled, is_inside, objects_of, pointer
from docmill.ocr.placement import Placement, Rect
from docmill.ocr.unseen_text import unseen_texts

__all__ = ["Drawing", "Survey", "survey"]

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

    texts: Sequence[int]
    """Addresses of the text objects, as drawn."""
    unseen: frozenset[int]
    """Addresses of the text objects that are not painted to be seen, too small, clipped away, or painted over by a large picture."""
    others: int
    """Images, paths and shadings."""
    covered: float
    """Share of the page, 0 to 1, under pictures (counted twice where two overlap)."""
    drawings: tuple[Drawing, ...]
    """Pictures, and filled paths that look like letters."""


def survey(page: pypdfium2.PdfPage, place: Placement, too_small: AbstractSet[int]) -> Survey:
    """Looks at every object of the page once; `too_small` are addresses of texts that nobody can read."""
    width, height = place.size
    area = max(1.0, width * height)
    objects = objects_of(page)
    unseen = unseen_texts(page, place, objects) | too_small
    covered = 0.0
    rects: list[Rect] = []
    letters: list[int] = []
    for index in np.flatnonzero(~objects.is_text).tolist():
        obj, kind, matrix = objects[index]
        count = _letters(obj, kind)
        rect = place.visible(bounds(obj, matrix)) if count else None
        if rect is None or not _may_be_letters(rect, count):
            continue
        rects.append(rect)
        letters.append(count)
        if kind == raw.FPDF_PAGEOBJ_IMAGE:
            share = (rect[2] - rect[0]) * (rect[3] - rect[1]) / area
            covered += share
            if share > _COVERS and not raw.FPDFPageObj_HasTransparency(pointer(obj)):
                unseen.update(_texts_inside(map(objects.__getitem__, range(index)), rect))
    if covered > _COVERS:  # asking for clips takes as long as all else: only where there may be a scan to hide words on
        unseen |= clipped_texts(objects)
    boxes = place.boxes(np.array(rects, dtype=np.float64).reshape(-1, 4)).tolist()
    return Survey(
        texts=objects.texts,
        unseen=frozenset(unseen),
        others=len(objects) - len(objects.texts),
        covered=min(1.0, covered),
        drawings=tuple(Drawing(Box(*box), count) for box, count in zip(boxes, letters, strict=True)),
    )


def _texts_inside(objects: Iterable[Object], rect: Rect) -> Iterator[int]:
    for obj, kind, matrix in objects:
        if kind == raw.FPDF_PAGEOBJ_TEXT and is_inside(bounds(obj, matrix), rect):
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
    if not is_filled(obj) or not _is_curved(pointer(obj), segments):
        return 0
    return max(1, segments // _SEGMENTS_PER_GLYPH)


def _is_curved(path: ctypes.c_void_p, segments: int) -> bool:
    """Letters have curves, most of them; grids and the backgrounds of tables have none."""
    return any(
        raw.FPDFPathSegment_GetType(raw.FPDFPath_GetPathSegment(path, index)) == raw.FPDF_SEGMENT_BEZIERTO
        for index in range(min(segments, 2 * _SEGMENTS_PER_GLYPH))
    )


def _may_be_letters(rect: Rect, count: int) -> bool:
    height = rect[3] - rect[1]
    return count > 1 or _GLYPH_HEIGHT[0] <= height <= _GLYPH_HEIGHT[1]
