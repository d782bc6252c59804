"""Print that left no trace when a large page was looked at in small: the page says at full size where it is.

Lines of print are rows full of strokes between rows that are nearly empty. Both are counted in strips of the page, which
knows no letters but also takes no photograph, grain, hatching or table for print.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from docmill.ocr.paddle.regions import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["missed_print", "with_missed"]

_STEP = 2  # every so many rows of pixels are looked at: each line of legible print still has three
_STRIP = 64  # pixels across: a dozen small letters, and few enough that a line askew by 3 degrees keeps to its rows
_STROKE = 32  # grey levels between neighbours, of 255: an edge of a stroke, be it pale
_FULL, _EMPTY = 0.12, 0.04  # share of edges in a row of a strip: a quarter to a half in print, next to none between
_LOWEST = 5  # pixels of a line's small letters: legible print
_NEXT = 3  # heights of a line to the next one at most
_LINES = 6  # of print in strips, each near another: less are dashed rules, and a line by itself looks as they do
_MARGIN = 128  # pixels around print to look at: short words beside it are too few for a strip
_BLOCK, _THIN = 3, 0.75  # so many lines in what was taken for one, each of less than this share of its thickness
_THICK = 3.0  # times as thick as a line is what was taken for a part of it: a blur of two, but no heading


def missed_print(image: NDArray[np.uint8], known: Sequence[Region], highest: float) -> list[tuple[int, int, int, int]]:
    """Where (left, top, right, bottom) there may be lines of at most `highest` pixels that are none of the `known` ones.

    `image`: RGB (h, w, 3). 0.6 to 2 ms a megapixel.
    """
    height, width = image.shape[:2]
    edges = _edges(image)
    if len(_lines(edges, highest)) < _LINES:
        return []  # most pages; the next steps take as long again
    for region in _single(edges, known, highest):
        cv2.fillConvexPoly(edges, (region.corners / (1, _STEP)).astype(np.int32), (0,))
    lines = _lines(edges, highest)
    counts = np.zeros((height // _STRIP + 1, width // _STRIP + 1), np.int32)
    np.add.at(counts, (lines[:, 0] * _STEP // _STRIP, lines[:, 1]), 1)
    near = cv2.dilate((counts > 0).astype(np.uint8), np.ones((3, 3), np.uint8))
    number, labels, places, _ = cv2.connectedComponentsWithStats(near)
    found = np.bincount(labels.ravel(), counts.ravel(), number)
    return [
        (
            max(0, int(left) * _STRIP - _MARGIN),
            max(0, int(top) * _STRIP - _MARGIN),
            min(width, int(left + across) * _STRIP + _MARGIN),
            min(height, int(top + down) * _STRIP + _MARGIN),
        )
        for (left, top, across, down, _), lines_there in zip(places[1:], found[1:], strict=True)
        if lines_there >= _LINES
    ]


def with_missed(known: Sequence[Region], missed: Sequence[Region]) -> list[Region]:
    """The `known` lines and the `missed` ones in none of them, without what only seemed to be a line in small.

    That was a block of the missed ones, or a part of one.
    """
    places, thickness = _places(missed), np.array([region.thickness for region in missed])
    free = np.ones(len(missed), bool)
    is_part = _are_parts(known, missed)
    lines = []
    for region, part in zip(known, is_part, strict=True):
        held = region.holds(places)
        if not part and np.count_nonzero(held & (thickness < _THIN * region.thickness)) < _BLOCK:
            lines.append(region)
            free &= ~held
    for number, region in enumerate(missed):
        if free[number]:
            lines.append(region)
            free &= ~region.holds(places)  # it may have been found twice, where two places overlap
    return lines


def _are_parts(known: Sequence[Region], missed: Sequence[Region]) -> NDArray[np.bool_]:
    """Which of the `known` lines are a part of a `missed` one, be they a little thicker."""
    places, thickness = _places(known), np.array([region.thickness for region in known])
    parts = np.zeros(len(known), bool)
    for region in missed:
        parts |= region.holds(places) & (thickness < _THICK * region.thickness)
    return parts


def _places(regions: Sequence[Region]) -> NDArray[np.float64]:
    return np.array([(region.x, region.y) for region in regions]).reshape(-1, 2)


def _edges(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """255 where a stroke begins or ends along one of the rows that are looked at."""
    green = np.ascontiguousarray(image[::_STEP, :, 1])  # nearly grey, for half the time
    _, edges = cv2.threshold(cv2.absdiff(green[:, 1:], green[:, :-1]), _STROKE, 255, cv2.THRESH_BINARY)
    return np.asarray(edges, np.uint8)


def _single(edges: NDArray[np.uint8], known: Sequence[Region], highest: float) -> list[Region]:
    """Those of the `known` lines that are not full of lines themselves: in small, a block of print may look like one.

    Some letters of a line on its side look like lines, too, but they are too few to fill it.
    """
    fill = (1 + _NEXT) * highest
    return [a for a in known if len(_lines_in(edges, a, highest)) < max(_LINES, a.height / fill)]


def _lines_in(edges: NDArray[np.uint8], region: Region, highest: float) -> NDArray[np.intp]:
    left, top = np.maximum(region.corners.min(axis=0), 0).astype(int)
    right, bottom = np.ceil(region.corners.max(axis=0)).astype(int)
    return _lines(edges[top // _STEP : bottom // _STEP, left:right], highest)


def _lines(edges: NDArray[np.uint8], highest: float) -> NDArray[np.intp]:
    """(first row, strip) of what looks like a line above or below another one; rows are those of `edges`."""
    strips = edges.shape[1] // _STRIP
    if not strips or not len(edges):
        return np.empty((0, 2), np.intp)
    shares = cv2.resize(edges[:, : strips * _STRIP], (strips, edges.shape[0]), interpolation=cv2.INTER_AREA) / 255.0
    shares = np.pad(shares.T, ((0, 0), (2, 2)))  # strip by strip, and as if the page were empty beyond its ends
    turns = np.diff((shares > _FULL).astype(np.int8), axis=1)
    strip, begin = np.nonzero(turns > 0)
    _, end = np.nonzero(turns < 0)
    tall = (end - begin) * _STEP
    above = np.stack([shares[strip, begin - 1], shares[strip, begin]])
    below = np.stack([shares[strip, end + 1], shares[strip, end + 2]])
    is_line = (tall >= _LOWEST) & (tall <= highest)
    for rows in (above, below):  # two rows at least, as dots of a halftone have less between them
        is_line &= (rows.max(axis=0) <= _FULL) & (rows.min(axis=0) < _EMPTY)
    strip, begin, end = strip[is_line], begin[is_line], end[is_line]
    near = (strip[1:] == strip[:-1]) & (begin[1:] - end[:-1] <= _NEXT * (end - begin)[:-1])
    paired = np.zeros(len(strip), bool)
    paired[1:] |= near
    paired[:-1] |= near
    return np.stack([begin[paired] - 1, strip[paired]], axis=1)
