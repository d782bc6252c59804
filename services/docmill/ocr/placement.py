"""Where a PDF page stands in its user space, and what of it is shown where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pypdfium2
from numpy.typing import NDArray

__all__ = ["Placement", "Rect", "placement"]

Rect = tuple[float, float, float, float]
"""Left, bottom, right, top in the page's user space."""


@dataclass(frozen=True, slots=True)
class Placement:
    """From the page's user space (origin bottom left, any crop box) to points after rotation, origin top left."""

    left: float
    bottom: float
    right: float
    top: float
    quarter_turns: int

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in points, as shown."""
        width, height = self.right - self.left, self.top - self.bottom
        return (height, width) if self.quarter_turns % 2 else (width, height)

    def boxes(self, rects: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows (left, bottom, right, top) to rows (x, y, width, height), hundredths of a point."""
        left, bottom, right, top = rects.T
        across, up = right - left, top - bottom
        match self.quarter_turns:
            case 0:
                columns = (left - self.left, self.top - top, across, up)
            case 1:
                columns = (bottom - self.bottom, left - self.left, up, across)
            case 2:
                columns = (self.right - right, bottom - self.bottom, across, up)
            case _:
                columns = (self.top - top, self.right - right, up, across)
        return np.asarray(np.stack(columns, axis=1).round(2), dtype=np.float64)

    def visible(self, rect: Rect) -> Rect | None:
        """The part of `rect` that is on the page."""
        left, bottom = max(rect[0], self.left), max(rect[1], self.bottom)
        right, top = min(rect[2], self.right), min(rect[3], self.top)
        return (left, bottom, right, top) if left < right and bottom < top else None


def placement(page: pypdfium2.PdfPage) -> Placement:
    """Where `page` stands in its user space."""
    left, bottom, right, top = page.get_bbox()
    return Placement(left, bottom, right, top, page.get_rotation() // 90 % 4)
