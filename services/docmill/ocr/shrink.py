"""Small pictures to measure on: what is measured are wide things (light, contrast, lines), so that exactness buys nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["shrunk"]


def shrunk(grey: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """`grey` (h, w), at most `side` pixels long; never enlarged.

    Means of whole blocks first, then between pixels: OpenCV averages areas of any other size five times slower. Less than a
    block at the right and the lower edge is left out.
    """
    longest = max(grey.shape)
    if longest <= side:
        return grey
    height, width = (max(1, round(length * side / longest)) for length in grey.shape)
    block = min(longest // side, *grey.shape)
    if block > 1:
        rows, columns = (length // block for length in grey.shape)
        grey = _resized(grey[: rows * block, : columns * block], columns, rows, cv2.INTER_AREA)
    return _resized(grey, width, height, cv2.INTER_LINEAR)


def _resized(grey: NDArray[np.uint8], width: int, height: int, method: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(grey, (width, height), interpolation=method), np.uint8)
