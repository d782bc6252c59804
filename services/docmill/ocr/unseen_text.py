"""Texts of a PDF page that nobody sees though they are its characters: not painted, transparent, or white on white.

Whoever writes words behind or over a scan for machines to find does one of these. White text is seen where something
darker lies beneath it, as in the heading of a table; what does is asked of the page's objects, and of its picture
where those cannot tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

import numpy as np
import pypdfium2
from numpy.typing import NDArray
from pypdfium2 import raw

from docmill.ocr import bulk
from docmill.ocr.object_tree import Objects, is_filled
from docmill.ocr.placement import Placement

__all__ = ["unseen_texts"]

_CLEAR = 12  # of 255: black that is 95 % transparent is as pale as paper
_WHITE = 240  # of red, green and blue each
_DARKER = 48  # grey levels below white: greyish and yellowed paper is lighter, a shade that white text is put on is not
_SIDE = 800  # pixels of the page's picture: one a point on usual paper
_ANY_INK = 0.02  # share of pixels; white text on blank paper leaves none
_INKLESS = (raw.FPDF_PAGEOBJ_TEXT, raw.FPDF_PAGEOBJ_PATH)  # covered by their own colour, where they cover


def unseen_texts(page: pypdfium2.PdfPage, place: Placement, objects: Objects) -> set[int]:
    """Addresses of the texts among the page's `objects` that are not painted so that somebody sees them."""
    modes = np.array(objects.modes, dtype=np.intp)[objects.is_text]
    red, green, blue, opacity = bulk.fill_colours(objects.texts).T
    filled = (modes == raw.FPDF_TEXTRENDERMODE_FILL) | (modes == raw.FPDF_TEXTRENDERMODE_FILL_CLIP)
    unpainted = (modes == raw.FPDF_TEXTRENDERMODE_INVISIBLE) | (modes == raw.FPDF_TEXTRENDERMODE_CLIP)
    unseen = unpainted | (filled & (opacity <= _CLEAR))  # others have outlines, in a colour of their own
    white = filled & ~unseen & (red >= _WHITE) & (green >= _WHITE) & (blue >= _WHITE)
    if white.any():
        unseen[white] = _on_white(page, place, objects, np.flatnonzero(objects.is_text)[white])
    return set(compress(objects.texts, unseen.tolist()))


def _on_white(
    page: pypdfium2.PdfPage, place: Placement, objects: Objects, whites: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """For each of the white texts at these places among the `objects`, whether nothing darker lies beneath it."""
    rects = objects.bounds(whites)
    hidden = ~_covered(rects, whites, *_dark_paths(objects))
    unsure = hidden & (rects[:, 2] > rects[:, 0]) & (rects[:, 3] > rects[:, 1])  # blanks are not to be seen anyway
    if unsure.any():
        kinds = np.array(objects.kinds)
        others = np.flatnonzero(~np.isin(kinds, _INKLESS))
        pictured = _covered(rects[unsure], whites[unsure], others, objects.bounds(others))
        hidden[unsure] = _looks_blank(page, place.boxes(rects[unsure]), pictured, max(place.size))
    return hidden


def _dark_paths(objects: Objects) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Places of filled paths on which white is seen, and what they cover."""
    paths = np.flatnonzero(np.equal(objects.kinds, raw.FPDF_PAGEOBJ_PATH))
    colours = bulk.fill_colours([objects.addresses[index] for index in paths])
    shades = (255.0 - colours[:, :3].mean(axis=1)) * colours[:, 3] / 255.0
    dark = paths[shades >= _DARKER]
    dark = dark[np.fromiter((is_filled(objects.addresses[index]) for index in dark), dtype=np.bool_, count=len(dark))]
    return dark, objects.bounds(dark)


def _covered(
    rects: NDArray[np.float64], drawn: NDArray[np.intp], below: NDArray[np.intp], grounds: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether the middle of each of the `rects` lies on one of the `grounds`, and that was drawn before it."""
    x, y = (rects[:, :2] + rects[:, 2:]).T / 2
    found = np.zeros(len(rects), dtype=np.bool_)
    for index, (left, bottom, right, top) in zip(below.tolist(), grounds.tolist(), strict=True):
        found |= (index < drawn) & (left <= x) & (x <= right) & (bottom <= y) & (y <= top)
    return found


def _looks_blank(
    page: pypdfium2.PdfPage, boxes: NDArray[np.float64], pictured: NDArray[np.bool_], side: float
) -> Sequence[bool]:
    """Whether the page is light at each of the `boxes` (x, y, width, height), which may lie on something `pictured`.

    What is dark in a picture may be the very print that the text was put over, as long as it is less than half. Where
    there is no picture, it is the text itself: PDFium says white of one that is painted with a pattern.
    """
    scale = _SIDE / max(side, 1.0)
    bitmap = page.render(scale=scale)
    pixels = bitmap.to_numpy()
    most = np.where(pictured, 0.5, _ANY_INK)
    blank = [_dark_share(pixels, box * scale) <= limit for box, limit in zip(boxes, most.tolist(), strict=True)]
    bitmap.close()
    return blank


def _dark_share(pixels: NDArray[np.uint8], box: NDArray[np.float64]) -> float:
    """Share of pixels in and around a box on which white is seen."""
    x, y, width, height = box
    rim = min(width, height) / 4
    part = pixels[_span(y - rim, y + height + rim), _span(x - rim, x + width + rim), :3]
    return float((part.mean(axis=2) < 255 - _DARKER).mean()) if part.size else 0.0


def _span(begin: float, end: float) -> slice:
    return slice(max(0, int(begin)), max(0, int(end) + 1))
