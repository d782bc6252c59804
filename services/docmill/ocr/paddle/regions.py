"""Where a line of text is on a page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Region"]


@dataclass(frozen=True, slots=True)
class Region:
    """A line of text: a rectangle in pixels of the page, whose width lies at `angle`."""

    x: float
    """Of the centre."""
    y: float
    width: float
    height: float
    angle: float
    """Degrees clockwise, -45 to 45. A line on its side is upright: higher than wide."""
    margin: float
    """Share of the thickness that was added at each side for reading, beyond what fits the ink."""

    @property
    def thickness(self) -> float:
        """Pixels of the shorter side."""
        return min(self.width, self.height)

    @property
    def length(self) -> float:
        """Pixels of the longer side."""
        return max(self.width, self.height)

    @property
    def corners(self) -> NDArray[np.float32]:
        """The four of them, in order: (4, 2)."""
        return np.asarray(cv2.boxPoints(((self.x, self.y), (self.width, self.height), self.angle)), np.float32)

    def holds(self, places: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of the `places`, (x, y) in pixels of the page, lie in it."""
        cosine, sine = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
        right, down = places[:, 0] - self.x, places[:, 1] - self.y
        along, across = right * cosine + down * sine, down * cosine - right * sine
        return np.asarray((2 * abs(along) < self.width) & (2 * abs(across) < self.height), np.bool_)
