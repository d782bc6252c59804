"""Where lines of text are: a network's map of logits, and rectangles around its islands.

Method: Liao et al., Real-time Scene Text Detection with Differentiable Binarization (AAAI 2020). The network marks the
kernels of lines, which are shrunk; a rectangle around a kernel is grown again by area x ratio / perimeter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from docmill.ocr.paddle.missed import misses_print
from docmill.ocr.paddle.networks import Network
from docmill.ocr.paddle.profiles import Profile
from docmill.ocr.paddle.regions import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GRID = 64  # the input's sides are multiples: few shapes, each of which costs a compilation
_PIXELS = 2_500_000  # of one input; larger pages go through in bands
_MARGIN = 64  # rows at a band's edge that are not believed
_LARGEST = 5000  # pixels of a side, as seen by the detector
_ENLARGE = 3.0

_INK = math.log(0.3 / 0.7)  # logit from which a pixel belongs to a kernel: a probability of 0.3
_SURE = 0.5  # mean probability that makes a kernel a line
_GROW_READ = 1.8  # ratio for reading: nothing of a letter may be cut off
_GROW_REPORT = 1.2  # ratio that fits the ink
_SMALLEST = 3.0  # pixels of a kernel's shorter side

_TINY = 6.0  # kernels this thin (median) are of print too small to read well at this scale
_SHRUNK = 0.35  # a scale that leaves no trace of legible print: letters of 5 pixels (a font's size) and below vanish
_BLUR = 0.5  # a scale that may make print vanish
_EMPTY = 64  # between the darkest and the lightest pixel of a page without anything on it
_COMFORTABLE = 9.0  # thickness to which they are brought by a second, larger look


class Found(NamedTuple):
    """Lines, and the scale at which they were found."""

    regions: list[Region]
    scale: float


class Detector:
    """Finds lines of text."""

    def __init__(self, network: Network, profile: Profile) -> None:
        self._network = network
        self._profile = profile

    def find(self, image: NDArray[np.uint8]) -> Found:
        """Lines on a page of shape (height, width, 3), RGB, in no order."""
        height, width = image.shape[:2]
        scale = self._scale(width, height)
        thickness, regions = self._look(image, scale)
        if thickness < _TINY and scale < 1:
            scale = min(1.0, scale * _COMFORTABLE / thickness, _LARGEST / max(width, height))
            _, regions = self._look(image, scale)
        return Found(regions, scale)

    def find_missed(self, image: NDArray[np.uint8], found: Found) -> list[Region]:
        """All lines once more, at full size, where small print seems to be missing in what was `found`; else none."""
        if not found.regions or found.scale > _SHRUNK * _full_size(image):
            return []
        return self._at_full_size(image) if misses_print(image, found.regions, _TINY / found.scale) else []

    def find_small(self, image: NDArray[np.uint8]) -> list[Region]:
        """Lines on a page on which `find` found none that can be read: print that is a blur at its scale.

        None on a page that `find` saw at half its size or more, and on an empty one.
        """
        height, width = image.shape[:2]
        if self._scale(width, height) > _BLUR or int(np.ptp(image)) < _EMPTY:
            return []
        return self._at_full_size(image)

    def _at_full_size(self, image: NDArray[np.uint8]) -> list[Region]:
        return self._look(image, _full_size(image))[1]

    def _scale(self, width: int, height: int) -> float:
        short, long = sorted((width, height))
        scale = min(_ENLARGE, max(self._profile.short_side / short, min(1.0, self._profile.long_side / long)))
        return min(scale, max(_LARGEST, self._profile.long_side) / long)

    def _look(self, image: NDArray[np.uint8], scale: float) -> tuple[float, list[Region]]:
        """The kernels' median thickness (infinite if there are none) and the lines at one scale."""
        height, width = image.shape[:2]
        size = (max(8, round(width * scale)), max(8, round(height * scale)))
        method = cv2.INTER_AREA if scale < 0.7 else cv2.INTER_LINEAR
        small = image if size == (width, height) else cv2.resize(image, size, interpolation=method)
        kernels = list(_kernels(self._map(np.asarray(small, dtype=np.uint8))))
        thickness = median(kernel.thickness for kernel in kernels) if kernels else math.inf
        return thickness, [kernel.grown(width / size[0], height / size[1]) for kernel in kernels]

    def _map(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits (height, width), put together from bands if the page is large."""
        height, width = image.shape[:2]
        rows = max(4 * _MARGIN, _PIXELS // _up(width) // _GRID * _GRID)
        if _up(height) <= rows:
            return self._band(image)
        starts = [*range(0, height - rows, rows - 2 * _MARGIN), max(0, height - rows)]
        cuts = [0, *((b + a + rows) // 2 for a, b in pairwise(starts)), height]
        parts = []
        for start, (first, last) in zip(starts, pairwise(cuts), strict=True):
            parts.append(self._band(image[start : start + rows])[first - start : last - start])
        return np.concatenate(parts)

    def _band(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        height, width = image.shape[:2]
        padded = np.full((1, _up(height), _up(width), 3), 255, dtype=np.uint8)
        padded[0, :height, :width] = image
        return np.array(self._network(padded)[0, 0, :height, :width])  # a copy: the network's own is overwritten


def _full_size(image: NDArray[np.uint8]) -> float:
    """The scale at which a page is seen as it is, or as large as the detector takes it."""
    return float(min(1.0, _LARGEST / max(image.shape[:2])))


def _up(side: int) -> int:
    return math.ceil(side / _GRID) * _GRID


@dataclass(frozen=True, slots=True)
class _Kernel:
    """The rectangle around an island of the map, as OpenCV gives it, in pixels of the map."""

    x: float
    y: float
    width: float
    height: float
    angle: float

    @property
    def thickness(self) -> float:
        return min(self.width, self.height)

    def grown(self, across: float, down: float) -> Region:
        """The region to read, on a page whose pixels are `across` by `down` of the map's."""
        half = self.width * self.height / (2 * (self.width + self.height))
        width, height = self.width + 2 * half * _GROW_READ, self.height + 2 * half * _GROW_READ
        angle = self.angle
        if abs(angle) > 45:  # OpenCV's angles lie on both sides
            width, height, angle = height, width, angle - math.copysign(90, angle)
        margin = half * (_GROW_READ - _GROW_REPORT) / min(width, height)
        return Region(self.x * across, self.y * down, width * across, height * down, angle, margin)


def _kernels(logits: NDArray[np.float32]) -> list[_Kernel]:
    """Islands that are sure enough to be lines."""
    islands, _ = cv2.findContours((logits > _INK).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    kernels = []
    for island in islands:
        left, top, width, height = cv2.boundingRect(island)
        if min(width, height) < _SMALLEST:
            continue
        (x, y), (across, down), angle = cv2.minAreaRect(island)
        if min(across, down) < _SMALLEST:
            continue
        inside = np.zeros((height, width), dtype=np.uint8)
        corners = cv2.boxPoints(((x - left, y - top), (across, down), angle))
        cv2.fillConvexPoly(inside, corners.astype(np.int32), 1)
        probabilities = (1 + np.tanh(logits[top : top + height, left : left + width] / 2)) / 2
        if cv2.mean(probabilities, inside)[0] >= _SURE:
            kernels.append(_Kernel(x, y, across, down, angle))
    return kernels
