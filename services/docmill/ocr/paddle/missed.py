"""Print that left no trace when a large page was looked at in small: the page says at full size that there is some.

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

__all__ = ["misses_print"]

_STEP = 2  # every so many rows of pixels are looked at: each line of legible print still has three
_STRIP = 64  # pixels across: a dozen small letters, and few enough that a line askew by 3 degrees keeps to its rows
_STROKE = 32  # grey levels between neighbours, of 255: an edge of a stroke, be it pale
_FULL, _EMPTY = 0.12, 0.04  # share of edges in a row of a strip: a quarter to a half in print, next to none between
_LOWEST = 5  # pixels of a line's small letters: legible print
_NEXT = 3  # heights of a line to the next one at most
_LINES = 6  # of print in strips, each near another: less are dashed rules, and a line by itself looks as they do


def misses_print(image: NDArray[np.uint8], known: Sequence[Region], highest: float) -> bool:
    """Whether there seem to be lines of at most `highest` pixels that are none of the `known` ones.

    `image`: RGB (h, w, 3). 1 to 4 ms a megapixel.
    """
    if image.shape[1] <= _STRIP:
        return False
    edges = _edges(image)
    if len(_lines(edges, highest)) < _LINES:
        return False  # most pages; the next steps take as long again
    for region in _not_blocks(edges, known, highest):
        cv2.fillConvexPoly(edges, (region.corners / (1, _STEP)).astype(np.int32), (0,))
    lines = _lines(edges, highest)
    counts = np.zeros((len(edges) * _STEP // _STRIP + 1, edges.shape[1] // _STRIP + 1), np.int32)
    np.add.at(counts, (lines[:, 0] * _STEP // _STRIP, lines[:, 1]), 1)
    near = cv2.dilate((counts > 0).astype(np.uint8), np.ones((3, 3), np.uint8))  # across a gap between columns, too
    _, labels = cv2.connectedComponents(near)
    return bool(np.bincount(labels.ravel(), counts.ravel()).max() >= _LINES)


def _edges(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """255 where a stroke begins or ends along one of the rows that are looked at."""
    green = np.ascontiguousarray(image[::_STEP, :, 1])  # nearly grey, for half the time
    _, edges = cv2.threshold(cv2.absdiff(green[:, 1:], green[:, :-1]), _STROKE, 255, cv2.THRESH_BINARY)
    return np.asarray(edges, np.uint8)


def _not_blocks(edges: NDArray[np.uint8], known: Sequence[Region], highest: float) -> list[Region]:
    """Those of the `known` lines that do not hold lines themselves: in small, a block of print may look like one."""
    return [region for region in known if len(_lines_in(edges, region, highest)) < _LINES]


def _lines_in(edges: NDArray[np.uint8], region: Region, highest: float) -> NDArray[np.intp]:
    left, top = np.maximum(region.corners.min(axis=0), 0).astype(int)
    right, bottom = np.maximum(np.ceil(region.corners.max(axis=0)), 0).astype(int)
    return _lines(edges[top // _STEP : bottom // _STEP, left:right], highest)


def _lines(edges: NDArray[np.uint8], highest: float) -> NDArray[np.intp]:
    """(first row, strip) of what looks like a line above or below another one; rows are those of `edges`."""
    strips = edges.shape[1] // _STRIP
    if not strips or not len(edges):
        return np.empty((0, 2), np.intp)  # a part of the page that is less than one
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
