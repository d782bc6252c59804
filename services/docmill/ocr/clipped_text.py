"""Texts of a PDF page that are painted outside of the area to which their painting is clipped, so that nothing shows."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import numpy as np
from pypdfium2 import raw

from docmill.ocr import bulk
from docmill.ocr.object_tree import Objects
from docmill.ocr.placement import Rect

__all__ = ["clipped_texts"]

_MANY = 64  # points of a path that are looked at; areas of pages are rectangles, rarely outlines of drawings


def clipped_texts(objects: Objects) -> set[int]:
    """Addresses of the texts of which not even a part is inside."""
    clips = zip(objects.texts, bulk.clip_paths(objects.texts), strict=True)
    clipped = [(text, clip, count) for text, (clip, count) in clips if count]
    rects = bulk.bounds([text for text, _, _ in clipped]).tolist()  # in one space with the clip path
    return {text for (text, clip, count), rect in zip(clipped, rects, strict=True) if _is_outside(rect, clip, count)}


def _is_outside(rect: list[float], clip: int, count: int) -> bool:
    path = ctypes.cast(clip, raw.FPDF_CLIPPATH)
    left, bottom, right, top = rect
    areas = (area for area in (_area(path, index) for index in range(count)) if area is not None)
    return any(right < area[0] or area[2] < left or top < area[1] or area[3] < bottom for area in areas)


def _area(clip: ctypes.c_void_p, index: int) -> Rect | None:
    """What one of the paths surrounds at most; None for one that is too long to tell."""
    count = raw.FPDFClipPath_CountPathSegments(clip, index)
    if not 0 < count <= _MANY:
        return None
    points = np.array(list(_points(clip, index, count)))
    left, bottom = points.min(axis=0).tolist()
    right, top = points.max(axis=0).tolist()
    return left, bottom, right, top


def _points(clip: ctypes.c_void_p, index: int, count: int) -> Iterator[tuple[float, float]]:
    x, y = ctypes.c_float(), ctypes.c_float()
    for number in range(count):
        segment = raw.FPDFClipPath_GetPathSegment(clip, index, number)
        raw.FPDFPathSegment_GetPoint(segment, ctypes.byref(x), ctypes.byref(y))
        yield x.value, y.value
