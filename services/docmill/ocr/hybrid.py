"""Pages that show text in two ways: characters, and pictures or outlined letters that only an engine can read.

The characters are kept; the engine reads the areas of the pictures, with the characters painted out, so that nothing
is read twice. Which areas are worth it is decided by size and, once drawn, by whether they hold strokes of writing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from docmill.domain.pages import Box, Line, Word
from docmill.ocr.lines import arrange
from docmill.ocr.page_objects import Drawing

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["areas", "is_scan", "merge", "paint_out", "shows_writing"]

_CELL = 4.0  # points: drawings nearer to each other than two cells are one area (letters of a line, strips of a scan)
_REACH = 16.0  # points that a line of outlined letters reaches up and down at most, to be one area with its neighbours
_MOST = 24  # areas of a page; the largest ones
_MIN_AREA = 10_000.0  # square points, 3.5 x 3.5 cm: smaller pictures are logos and icons on half of all pages
_MIN_LINE = (12.0, 200.0)  # points, short and long side: a strip that is as long as a line of text is read as well
_MIN_OUTLINES = (6.0, 100.0)  # the same for a line of outlined letters, which are measured without any margin
_MIN_LETTERS = 10  # of outlines: fewer are ornaments and arrows
_STRONG, _WEAK = 48, 12  # grey levels between neighbours: a stroke's edge, and what is more than flatness; of 255
_PALEST = 64  # grey levels between ink and paper of which the same is asked as of fewer: below, grain has edges, too
_MIN_EDGES = 400  # pixels on edges: three or four letters of small print at 200 dpi
_MIN_STRONG = 0.15  # share of strong ones among all edges: photos are full of weak ones
_FLAT = 16  # grey levels within one colour, as JPEG keeps it
_PAGE = 0.5  # share of a page from which a picture is the page
_STAMP = 0.1  # share of such a picture that the page's own words cover at most: a page number, not a page of text
_SURE = 0.6  # confidence below which a word from a picture beside text is taken for a pattern
_SAME = 0.5  # share of a picture word that lies under one of the page's own words


def areas(drawings: Sequence[Drawing], width: float, height: float) -> tuple[Box, ...]:
    """Where on a page of `width` x `height` points pictures or outlined letters stand that may be text; largest first."""
    if not drawings:
        return ()
    columns, rows = int(width / _CELL) + 3, int(height / _CELL) + 3
    if columns * rows > 4_000_000:  # a page of metres
        return (Box(0.0, 0.0, width, height),)
    cells = np.zeros((rows, columns), dtype=np.uint8)
    for drawing in drawings:
        left, top, right, bottom = _cells(drawing)
        cells[top : bottom + 1, left : right + 1] = 1
    count, labels = cv2.connectedComponents(cells, connectivity=4)
    members: list[list[Drawing]] = [[] for _ in range(count)]
    for drawing in drawings:
        left, top, _, _ = _cells(drawing)
        members[labels[top, left]].append(drawing)
    found = [Box.around([drawing.box for drawing in group]) for group in members if _is_worth_it(group)]
    return tuple(sorted(found, key=lambda box: box.w * box.h, reverse=True)[:_MOST])


def _cells(drawing: Drawing) -> tuple[int, int, int, int]:
    """The first and the last column and row of cells that belong to a drawing: lines of letters reach for the next."""
    box = drawing.box
    reach = 0.0 if drawing.is_picture else min(box.h, _REACH)
    left, top = max(0.0, box.x), max(0.0, box.y - reach)
    return int(left / _CELL), int(top / _CELL), int(box.right / _CELL) + 1, int((box.bottom + reach) / _CELL) + 1


def _is_worth_it(group: Sequence[Drawing]) -> bool:
    if not group or sum(drawing.letters for drawing in group) < _MIN_LETTERS:
        return False
    box = Box.around([drawing.box for drawing in group])
    short, long = sorted((box.w, box.h))
    if not any(drawing.is_picture for drawing in group):
        return short >= _MIN_OUTLINES[0] and long >= _MIN_OUTLINES[1]
    return short >= _MIN_LINE[0] and (long >= _MIN_LINE[1] or short * long >= _MIN_AREA)


def is_scan(area: Box, own: Iterable[Box], width: float, height: float) -> bool:
    """Whether the area is the page of `width` x `height` points, and its `own` words are a stamp or a page number on it.

    A picture under a page of text is its background.
    """
    size = area.w * area.h
    covered = sum(box.w * box.h for box in own)
    return size >= _PAGE * width * height and covered <= _STAMP * size


def paint_out(image: NDArray[np.uint8], boxes: Iterable[Box]) -> None:
    """Covers `boxes` (in pixels of the RGB `image`, changed in place) with the colour around each of them."""
    height, width = image.shape[:2]
    for box in boxes:
        left, top = max(0, int(box.x) - 1), max(0, int(box.y) - 1)
        right, bottom = min(width, int(box.right) + 2), min(height, int(box.bottom) + 2)
        if left < right and top < bottom:
            rim = np.concatenate([image[top, left:right], image[bottom - 1, left:right]])
            image[top:bottom, left:right] = np.median(rim, axis=0)


def shows_writing(image: NDArray[np.uint8], *, scan: bool) -> bool:
    """Whether the RGB `image` has enough sharp edges to carry a word, and looks less like a photograph.

    Of a `scan` nobody asks that: soft, faint and photographed print is not all edges. It only must not be one colour.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.int16)
    if scan:
        return int(np.ptp(grey)) > _FLAT
    steps = np.abs(np.diff(grey, axis=1))
    contrast = max(_PALEST, int(np.ptp(grey))) / 255
    strong = int(np.count_nonzero(steps > _STRONG * contrast))
    return strong >= _MIN_EDGES and strong >= _MIN_STRONG * int(np.count_nonzero(steps > _WEAK * contrast))


def merge(
    own: tuple[Line, ...], unseen: frozenset[Word], read: Sequence[tuple[Box, tuple[Line, ...]]]
) -> tuple[Line, ...]:
    """The page's `own` lines with those `read` from each of its areas, in reading order.

    Of the words in an area that nobody sees those are left out, as the picture above them was read.
    """
    new = [
        word
        for _, lines in read
        for line in lines
        if len(line.text) > 1  # a letter all by itself is an icon
        for word in line.words
        if word.confidence >= _SURE
    ]
    kept = [
        word
        for line in own
        for word in line.words
        if word not in unseen or not any(_holds(area, word.box) for area, _ in read)
    ]
    new = [word for word in new if not any(_overlap(word.box, other.box) > _SAME for other in kept)]
    if not new and len(kept) == sum(len(line.words) for line in own):
        return own
    return arrange([*kept, *new])


def _holds(area: Box, box: Box) -> bool:
    x, y = box.center
    return area.x <= x <= area.right and area.y <= y <= area.bottom


def _overlap(box: Box, other: Box) -> float:
    """Share of `box` that lies in `other`."""
    across = min(box.right, other.right) - max(box.x, other.x)
    down = min(box.bottom, other.bottom) - max(box.y, other.y)
    return across * down / max(1e-6, box.w * box.h) if across > 0 and down > 0 else 0.0
