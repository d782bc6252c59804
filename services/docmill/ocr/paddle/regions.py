"""Where a line of text is on a page."""

from __future__ import annotations

from dataclasses import dataclass

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
