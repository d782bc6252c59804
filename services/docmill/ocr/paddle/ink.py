"""Where a strip's ink is, column by column: what the edges of words are drawn to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from docmill.ocr.paddle.strips import HEIGHT, Strip

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RULE = 2 * HEIGHT  # columns: a stroke this long is a ruled line, no letter


def ink_columns(strip: Strip) -> NDArray[np.bool_]:
    """Whether each column of the strip has ink, ruled lines aside.

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
    return np.asarray(ink.max(axis=0) > 0, dtype=np.bool_)


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
