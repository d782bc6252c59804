"""Leaders, the rows of dots between a name and its number: beside them the recogniser loses letters and digits.

Most lines have none, and what was read tells so.
"""

from __future__ import annotations

import re
from itertools import chain, pairwise
from typing import TYPE_CHECKING

import numpy as np

from docmill.ocr.paddle.ink import columns_of, ink_of, runs
from docmill.ocr.paddle.strips import HEIGHT, Strip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from docmill.ocr.paddle.recogniser import Character

__all__ = ["between_leaders", "is_filling", "says"]

_READ = re.compile(r"…|[.·] ?[.·]")  # what the recogniser makes of some of the dots
_SILENT = HEIGHT  # columns without a character: it makes nothing at all of most

_DOT = HEIGHT // 6  # columns and rows of a dot at most
_DOTS = 3  # that follow another one at least
_LONG = HEIGHT  # columns from the first dot to the last at least: an ellipsis, also one of four dots, is less
_LEVEL = HEIGHT // 16  # rows from the top of a dot to that of the next one at most
_LETTER = 2 * HEIGHT // 3  # columns that a letter takes with the blank around it
_UNEVEN = 2  # columns by which two gaps between dots differ at most, or else half of one


def between_leaders(strip: Strip, characters: Sequence[Character]) -> list[Strip]:
    """The parts of the strip that leaders divide; none where it has no leader. `characters`: what was read of the whole."""
    leaders = _leaders(ink_of(strip)) if _may_have_leader(strip, characters) else []
    if not leaders:
        return []
    cuts = [0, *chain.from_iterable(leaders), strip.width]
    parts = zip(cuts[::2], cuts[1::2], strict=True)
    return [
        strip.part(left, right)
        for left, right in parts
        if left < right and not _is_remnant(strip, left, right, characters)
    ]


def says(characters: Iterable[Character]) -> float:
    """Letters and digits that are right less those that are wrong, as far as their confidence tells."""
    return sum(max(0.0, 2 * char.confidence - 1) for char in characters if char.text.isalnum())


def is_filling(characters: Iterable[Character]) -> bool:
    """Whether it is dots and blanks only, or nothing."""
    return not "".join(char.text for char in characters).strip("….· ")


def _may_have_leader(strip: Strip, characters: Sequence[Character]) -> bool:
    if _READ.search("".join(char.text for char in characters)):
        return True
    places = [(char.left, char.right) for char in characters if not char.text.isspace()]
    gaps = pairwise([(0.0, 0.0), *places, (strip.width, strip.width)])
    return any(left - right > _SILENT for (_, right), (left, _) in gaps)


def _is_remnant(strip: Strip, left: int, right: int, characters: Sequence[Character]) -> bool:
    """Whether it is a piece at the strip's end of a letter that belongs to another one: it would be read as a 1."""
    if right - left >= _LETTER or 0 < left < right < strip.width:
        return False
    return not any(left <= char.middle <= right and char.text.isalnum() for char in characters)


def _leaders(ink: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The columns that leaders begin at, and those behind them."""
    begins, ends = runs(columns_of(ink))
    if not len(begins):
        return []
    tops, bottoms = _heights(ink, begins)
    is_dot = np.maximum(ends - begins, bottoms - tops) <= _DOT
    rows = _rows(is_dot, tops, begins[1:] - ends[:-1])
    columns = ((int(begins[first]), int(ends[last - 1])) for first, last in rows)
    return [(left, right) for left, right in columns if right - left >= _LONG]


def _heights(ink: NDArray[np.bool_], begins: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The first row of each run, and the one behind its last."""
    rows = len(ink)
    is_blank = ~columns_of(ink)
    tops = np.where(is_blank, rows, ink.argmax(axis=0))
    bottoms = np.where(is_blank, 0, rows - ink[::-1].argmax(axis=0))
    return np.minimum.reduceat(tops, begins), np.maximum.reduceat(bottoms, begins)


def _rows(is_dot: NDArray[np.bool_], tops: NDArray[np.intp], gaps: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    """Runs [first, last) that are dots in a row: level, and evenly apart."""
    goes_on = is_dot[1:] & is_dot[:-1] & (np.abs(np.diff(tops)) <= _LEVEL)
    evenly = np.abs(np.diff(gaps)) <= np.maximum(_UNEVEN, gaps[:-1] // 2)
    goes_on[1:] &= evenly | ~goes_on[:-1]
    for first, last in zip(*runs(goes_on), strict=True):
        if last - first >= _DOTS:
            yield int(first), int(last) + 1
