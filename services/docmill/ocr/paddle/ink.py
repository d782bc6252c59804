"""Where a strip's ink is, column by column: what the edges of words are drawn to, and what may be letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from docmill.ocr.paddle.strips import HEIGHT, Strip

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RULE = 2 * HEIGHT  # columns: a stroke this long is a ruled line, no letter
_LETTER = HEIGHT // 3  # rows that a letter is tall; dots and dashes are less
_ALIKE = HEIGHT // 16  # columns and rows by which two prints of one sign differ at most
_SIGNS = 5  # more of one sign in a row are a rule (=====)


def ink_of(strip: Strip) -> NDArray[np.bool_]:
    """Which pixels of the strip are ink, ruled lines aside: (rows, columns).

    Only what the reported box keeps of the strip's height counts: beyond may be the next line's letters.
    """
    grey = cv2.cvtColor(strip.pixels, cv2.COLOR_RGB2GRAY)
    inset = int(strip.margin * HEIGHT)
    grey = np.ascontiguousarray(grey[inset : HEIGHT - inset])
    _, light = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    is_dark = float(np.mean(light)) < 127.5  # most of a line is ground
    ink = light if is_dark else cv2.bitwise_not(light)
    if strip.width > _RULE:
        ink = cv2.subtract(ink, cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, _RULE), dtype=np.uint8)))
    return np.asarray(ink > 0, dtype=np.bool_)


def columns_of(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which columns have ink at all."""
    return np.asarray(ink.any(axis=0), dtype=np.bool_)


def runs(where: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where runs of what is true begin, and where they end: the place behind the last."""
    begins, ends = np.flatnonzero(np.diff(np.pad(where, 1).astype(np.int8))).reshape(-1, 2).T
    return begins, ends


def letter_columns(ink: NDArray[np.bool_], columns: NDArray[np.bool_]) -> int:
    """How many of these `columns` with ink may be letters: runs of them that are as tall, and not all alike."""
    begins, ends = runs(columns)
    rows = [np.flatnonzero(ink[:, begin:end].any(axis=1)) for begin, end in zip(begins, ends, strict=True)]
    shape = np.array([(each[0], each[-1], wide) for each, wide in zip(rows, ends - begins, strict=True)]).reshape(-1, 3)
    is_letter = shape[:, 1] - shape[:, 0] >= _LETTER
    is_alike = np.asarray((np.abs(np.diff(shape, axis=0)) <= _ALIKE).all(axis=1))
    for first, last in zip(*runs(is_alike), strict=True):
        is_letter[first : last + 1] &= last - first < _SIGNS
    return int(shape[is_letter, 2].sum())


def gap_between(ink: NDArray[np.bool_], left: float, right: float) -> tuple[float, float] | None:
    """The widest run of columns without ink between two places: (its begin, its end), or None."""
    first, last = max(0, round(left)), min(len(ink), round(right))
    best = (0, 0)
    start = first
    for column in range(first, last + 1):
        if column == last or ink[column]:
            if column - start > best[1] - best[0]:
                best = (start, column)
            start = column + 1
    return (float(best[0]), float(best[1])) if best[1] > best[0] else None


def edge_from(ink: NDArray[np.bool_], place: float, step: int, *, reach: float, bridge: int) -> float | None:
    """Where the ink around `place` ends, going by `step` (-1 or 1) for at most `reach` columns.

    Gaps of at most `bridge` columns are inside a character. None if there is no ink within reach.
    """
    column, empty, edge = round(place), bridge, None
    for _ in range(int(reach) + 1):
        if not 0 <= column < len(ink):
            break
        if ink[column]:
            edge, empty = column, 0
        elif edge is not None:
            empty += 1
            if empty > bridge:
                break
        column += step
    if edge is None:
        return None
    return float(edge if step < 0 else edge + 1)
