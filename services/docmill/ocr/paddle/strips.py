"""Lines of text as strips: straight, lying, and all of one height, as the recogniser takes them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import cv2
import numpy as np

from docmill.ocr.paddle.regions import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEIGHT = 48
"""Pixels of every strip."""
WIDEST = 3200
"""Pixels; longer lines are squeezed into it."""

_NARROWEST = 8
_UPRIGHT = 1.5  # a region this much higher than wide, and than lines are thick, is text on its side
_LEVEL = 1.0  # degrees: below, a line is cut out as it lies
_SAG = 0.08  # of its thickness: so far a line may fall over its length and still be cut out as it lies


@dataclass(frozen=True, slots=True)
class Strip:
    """A line's pixels, and where they are on the page."""

    pixels: NDArray[np.uint8]
    """(HEIGHT, width, 3), RGB."""
    origin: tuple[float, float]
    """Where the strip's top left corner is on the page."""
    along: tuple[float, float]
    """From there to its top right corner: the direction in which it is read."""
    down: tuple[float, float]
    """From there to its bottom left corner."""
    margin: float
    """See `Region`."""
    turned: bool = False
    """The line lies on its side: nobody knows yet in which direction it is read."""

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.pixels.shape[1])

    @property
    def thickness(self) -> float:
        """Of the line, in the page's pixels."""
        return math.hypot(*self.down)

    @property
    def length(self) -> float:
        """Of the line, in the page's pixels."""
        return math.hypot(*self.along)

    def on_its_head(self) -> Strip:
        """The same line, read in the other direction."""
        (x, y), (ax, ay), (dx, dy) = self.origin, self.along, self.down
        pixels = np.ascontiguousarray(self.pixels[::-1, ::-1])
        return Strip(pixels, (x + ax + dx, y + ay + dy), (-ax, -ay), (-dx, -dy), self.margin, self.turned)

    def part(self, begin: int, end: int) -> Strip:
        """What is between two of the strip's columns."""
        (x, y), (ax, ay) = self.origin, self.along
        left, share = begin / self.width, (end - begin) / self.width
        pixels = np.ascontiguousarray(self.pixels[:, begin:end])
        origin, along = (x + left * ax, y + left * ay), (share * ax, share * ay)
        return Strip(pixels, origin, along, self.down, self.margin, self.turned)

    def corners(self, left: float, right: float) -> NDArray[np.float64]:
        """The four points on the page around the ink between two of the strip's columns."""
        origin, along, down = np.array(self.origin), np.array(self.along), np.array(self.down)
        sides = (left / self.width, right / self.width)
        return np.array([origin + u * along + v * down for u in sides for v in (self.margin, 1 - self.margin)])


def cut_strips(image: NDArray[np.uint8], regions: Sequence[Region], squeeze: float) -> list[Strip]:
    """The strips of `regions` on a page, in their order; slivers at the page's edge are left out."""
    usual = median(min(region.width, region.height) for region in regions) if regions else 0.0
    strips = (_cut(image, region, usual, squeeze) for region in regions)
    return [strip for strip in strips if strip is not None]


def _cut(image: NDArray[np.uint8], region: Region, usual: float, squeeze: float) -> Strip | None:
    thickness, length = sorted((region.width, region.height))
    fall = length * abs(math.sin(math.radians(region.angle)))
    if abs(region.angle) < _LEVEL or fall < _SAG * thickness:
        piece, frame = _lying(image, region)
    else:
        piece, frame = _slanted(image, region)
    height, width = piece.shape[:2]
    if min(height, width) < 2:
        return None
    origin, along, down = frame
    # A single digit is higher than wide, too: only what is also higher than lines are thick lies on its side.
    turned = region.height >= _UPRIGHT * region.width and region.height >= _UPRIGHT * usual
    if turned:
        piece = np.rot90(piece)
        origin, along, down = origin + along, down, -along
        height, width = width, height
    columns = math.ceil(max(_NARROWEST, HEIGHT * width / height) * squeeze)
    method = cv2.INTER_AREA if height > 2 * HEIGHT else cv2.INTER_LINEAR
    resized = cv2.resize(np.ascontiguousarray(piece), (min(WIDEST, columns), HEIGHT), interpolation=method)
    return Strip(np.asarray(resized, dtype=np.uint8), _pair(origin), _pair(along), _pair(down), region.margin, turned)


_Frame = tuple["NDArray[np.float64]", "NDArray[np.float64]", "NDArray[np.float64]"]


def _lying(image: NDArray[np.uint8], region: Region) -> tuple[NDArray[np.uint8], _Frame]:
    """The upright rectangle, as far as it lies on the page."""
    height, width = image.shape[:2]
    left, right = (min(max(0, round(region.x + side * region.width / 2)), width) for side in (-1, 1))
    top, bottom = (min(max(0, round(region.y + side * region.height / 2)), height) for side in (-1, 1))
    frame = (np.array([left, top], float), np.array([right - left, 0.0]), np.array([0.0, bottom - top]))
    return image[top:bottom, left:right], frame


def _slanted(image: NDArray[np.uint8], region: Region) -> tuple[NDArray[np.uint8], _Frame]:
    """The rectangle turned level; beyond the page its edge is repeated."""
    angle = math.radians(region.angle)
    across = np.array([math.cos(angle), math.sin(angle)])
    down = np.array([-across[1], across[0]])
    origin = np.array([region.x, region.y]) - across * region.width / 2 - down * region.height / 2
    matrix = np.column_stack([across, down, origin])
    size = (max(2, round(region.width)), max(2, round(region.height)))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    piece = cv2.warpAffine(image, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(piece, dtype=np.uint8), (origin, across * region.width, down * region.height)


def _pair(vector: NDArray[np.float64]) -> tuple[float, float]:
    return float(vector[0]), float(vector[1])


def slope(strips: Iterable[Strip]) -> float:
    """Degrees clockwise at which most of the text lies, by length; text on its side does not count."""
    weighed = sorted(
        (math.degrees(math.atan2(strip.along[1], strip.along[0])), strip.along[0])
        for strip in strips
        if strip.along[0] > abs(strip.along[1])
    )
    half = sum(length for _, length in weighed) / 2
    for angle, length in weighed:
        half -= length
        if half <= 0:
            return angle
    return 0.0
