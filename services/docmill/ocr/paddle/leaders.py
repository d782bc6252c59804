"""Leaders, the rows of dots between a name and its number: beside them the recogniser loses letters and digits.

Most lines have none, and what was read tells so.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from docmill.ocr.paddle.ink import columns_of, ink_of, runs
from docmill.ocr.paddle.strips import HEIGHT, Strip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from docmill.ocr.paddle.recogniser import Character

__all__ = ["between_leaders", "may_have_leader"]

_READ = re.compile(r"…|[.·] ?[.·]")  # what the recogniser makes of some of the dots
_SILENT = HEIGHT  # columns without a character: it makes nothing at all of most

_DOT = HEIGHT // 6  # columns and rows of a dot at most
_DOTS = 4  # in a row at least: an ellipsis has three
_LEVEL = HEIGHT // 16  # rows from the top of a dot to that of the next one at most
_UNEVEN = 2  # columns by which two gaps between dots differ at most, or else half of one


def may_have_leader(strip: Strip, characters: Sequence[Character]) -> bool:
    """Whether the `characters` that were read of the strip leave room for a leader."""
    if _READ.search("".join(char.text for char in characters)):
        return True
    places = [(char.left, char.right) for char in characters if not char.text.isspace()]
    gaps = pairwise([(0.0, 0.0), *places, (strip.width, strip.width)])
    return any(left - right > _SILENT for (_, right), (left, _) in gaps)


def between_leaders(strip: Strip) -> list[Strip]:
    """The parts of the strip that leaders divide; the strip itself if it has none, or nothing else."""
    ink = ink_of(strip)
    begins, ends = runs(columns_of(ink))
    is_dot = ends - begins <= _DOT
    if np.count_nonzero(is_dot) < _DOTS:
        return [strip]
    tops, bottoms = _heights(ink, begins)
    is_dot &= bottoms - tops <= _DOT
    cuts = [0]  # columns where a part begins or ends
    for first, last in _leaders(is_dot, tops, begins[1:] - ends[:-1]):
        cuts += [int(begins[first]), int(ends[last - 1])]
    parts = zip(cuts[::2], [*cuts[1::2], strip.width], strict=True)
    written = [(left, right) for left, right in parts if not is_dot[(begins >= left) & (ends <= right)].all()]
    return [strip.part(left, right) for left, right in written] if written and len(cuts) > 1 else [strip]


def _heights(ink: NDArray[np.bool_], begins: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The first row of each run, and the one behind its last."""
    rows = len(ink)
    is_blank = ~columns_of(ink)
    tops = np.where(is_blank, rows, ink.argmax(axis=0))
    bottoms = np.where(is_blank, 0, rows - ink[::-1].argmax(axis=0))
    return np.minimum.reduceat(tops, begins), np.maximum.reduceat(bottoms, begins)


def _leaders(is_dot: NDArray[np.bool_], tops: NDArray[np.intp], gaps: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    """Runs [first, last) that are dots in a row: level, and evenly apart."""
    goes_on = is_dot[1:] & is_dot[:-1] & (np.abs(np.diff(tops)) <= _LEVEL)
    evenly = np.abs(np.diff(gaps)) <= np.maximum(_UNEVEN, gaps[:-1] // 2)
    goes_on[1:] &= evenly | ~goes_on[:-1]
    first = 0
    for last in np.flatnonzero(np.append(~goes_on, True)) + 1:
        if last - first >= _DOTS:
            yield first, int(last)
        first = int(last)
