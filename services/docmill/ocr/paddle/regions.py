"""Where a line of text is on a page."""

from __future__ import annotations

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
    def corners(self) -> NDArray[np.float32]:
        """The four of them, in order: (4, 2)."""
        return np.asarray(cv2.boxPoints(((self.x, self.y), (self.width, self.height), self.angle)), np.float32)
