"""What a picture of text says of itself: how hard its letters' edges are, and how far its lines run aslant.

Both are cheap beside the reading and say the same at every resolution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from docmill.domain.pages import Box, Line
from docmill.ocr.shrink import shrunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["sharpness", "skew", "slant"]

_HEIGHT = 32  # pixels to which letters are brought
_LONGEST = 12  # heights of a word that are looked at
_WORDS = 40  # that are looked at, spread over the page
_LOWEST = 6  # pixels: nothing can be said of lower words
_SIDE = 700  # pixels of the picture in which lines are looked for
_LINE = 40  # pixels in it that a line is at least long
_SLENDER = 4  # heights that a line is at least long
_LINES = 3  # fewer say nothing


def sharpness(image: NDArray[np.uint8], boxes: Sequence[Box]) -> float | None:
    """Variance of the Laplacian over the variance of the grey values: the median of some words at `boxes`.

    `image`: RGB (h, w, 3). The words are brought to one height first, so that the blur counts that there is beside the
    size of a letter; the ratio takes away the contrast. None where no word is large enough. After Pech-Pacheco et al.,
    "Diatom autofocusing in brightfield microscopy" (ICPR 2000).
    """
    lying = [box for box in boxes if box.h >= _LOWEST and box.w >= box.h]
    chosen = lying[:: max(1, -(-len(lying) // _WORDS))]
    measured = [value for box in chosen if (value := _edges(image, box)) is not None]
    return float(np.median(measured)) if measured else None


def _edges(image: NDArray[np.uint8], box: Box) -> float | None:
    x, y = max(0, int(box.x)), max(0, int(box.y))
    crop = image[y : y + int(box.h), x : x + int(min(box.w, _LONGEST * box.h))]
    if crop.shape[0] < _LOWEST or crop.shape[1] < _LOWEST:
        return None
    size = max(_LOWEST, round(crop.shape[1] * _HEIGHT / crop.shape[0])), _HEIGHT
    shrinks = crop.shape[0] > _HEIGHT
    grey = cv2.resize(
        cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    return _variance(cv2.Laplacian(grey, cv2.CV_32F)) / max(1.0, _variance(grey))


def _variance(values: cv2.typing.MatLike) -> float:
    """As `values.var()` says, which takes ten times as long for a word."""
    _, deviation = cv2.meanStdDev(values)
    return float(deviation.item()) ** 2


def slant(lines: Sequence[Line]) -> float | None:
    """As `skew` of the picture, by where lines that were read in it begin and end; None where few of them are long.

    Exact to a tenth of a degree, as lines stand where they were printed.
    """
    return _median_angle([leaning for line in lines if (leaning := _leaning(line)) is not None])


def _leaning(line: Line) -> tuple[float, float] | None:
    """Angle and length from the middle of the first word to that of the last, if it is long enough."""
    (left, top), (right, bottom) = line.words[0].box.center, line.words[-1].box.center
    length = math.hypot(right - left, bottom - top)
    thickness = float(np.median([min(word.box.w, word.box.h) for word in line.words]))
    if len(line.words) < 2 or length < _SLENDER * thickness:
        return None
    return _from_right_angle(math.degrees(math.atan2(bottom - top, right - left))), length


def skew(image: NDArray[np.uint8]) -> float | None:
    """Degrees clockwise that lines run aslant from the nearest right angle, above -45 to 45; None where there are few.

    `image`: RGB (h, w, 3). In a small picture letters run together into lines; the angle is the median of the
    rectangles around them, weighted by length. Exact to about half a degree.
    """
    dark = cv2.adaptiveThreshold(_small(image), 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 25, 12)
    joined = cv2.dilate(dark, np.ones((5, 5), np.uint8))
    outlines, _ = cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return _median_angle([line for outline in outlines if (line := _line(outline)) is not None])


def _median_angle(lines: Sequence[tuple[float, float]]) -> float | None:
    """Of angles by their lengths."""
    if len(lines) < _LINES:
        return None
    angles, lengths = np.array(sorted(lines)).T
    summed = np.cumsum(lengths)
    return float(angles[np.searchsorted(summed, summed[-1] / 2)])


def _from_right_angle(degrees: float) -> float:
    """To the nearest right angle, above -45 to 45."""
    return 45 - (45 - degrees) % 90


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Green, which is nearly grey, at most `_SIDE` pixels long."""
    step = max(1, max(image.shape[:2]) // (2 * _SIDE))  # so that most pixels of a large picture are not even looked at
    return shrunk(np.ascontiguousarray(image[::step, ::step, 1]), _SIDE)


def _line(outline: cv2.typing.MatLike) -> tuple[float, float] | None:
    """Angle and length of an outline that is long and slender enough to be a line."""
    _, (width, height), angle = cv2.minAreaRect(outline)
    length, thickness = max(width, height), min(width, height)
    if length < _LINE or length < _SLENDER * thickness:
        return None
    along = angle if width >= height else angle + 90
    return (along + 45) % 90 - 45, length
