"""Light on photographed paper, and print that has nearly gone: pictures made ready for an engine that reads the rest as is.

Sizes stay as they are, so boxes need no way back. What was tried and what it earns: docs/adr/0016-what-preprocessing-earns.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from docmill.ocr.shrink import shrunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["evenly_lit", "is_faint", "stretched"]

_LIGHT_SIDE = 700  # pixels of the longest side at which the light is looked at
_SHADOW = 0.05, 0.25  # brightness of the darkest paper, as a share of the brightest; still darker, it is no paper
_DARKEST = 40.0  # nothing is lifted as if its paper were darker than this: grain would become ink
_PAPER = 245.0  # brightness that paper is brought to
_INK_SIDE = 500  # pixels of the longest side at which contrast is looked at: grain is averaged away
_INK, _BLANK = 0.1, 95.0  # percentiles of the grey values that stand for ink and for paper
_FAINT = 4.0, 30.0  # grey levels between them: engines read more by themselves, and less is grain on a blank sheet


def evenly_lit(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`image` (RGB, shape (height, width, 3)), divided by the brightness of its paper where a part lies in the dark.

    The same array where the light is even, which it is on all scans and most photographs.
    """
    small = _small(image, _LIGHT_SIDE)
    brightest = _brightest(small[::2, ::2])
    if brightest.min() >= _SHADOW[1] * brightest.max():
        return image  # nearly always, and then for a tenth of what it costs to know the paper
    dark, light = np.percentile(_paper(small[::2, ::2]), (5, 95))
    if not _SHADOW[0] * light < dark < _SHADOW[1] * light:
        return image
    paper = _paper(small)
    height, width = image.shape[:2]
    gain = cv2.resize(_PAPER / np.maximum(paper, _DARKEST), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.multiply(image, cv2.merge([gain] * 3), dtype=cv2.CV_8U), np.uint8)


def is_faint(image: NDArray[np.uint8]) -> bool:
    """Whether next to nothing sets the ink of the RGB `image` off its paper, but more than grain would."""
    ink, paper = _ink_and_paper(image)
    return _FAINT[0] <= paper - ink < _FAINT[1]


def stretched(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The RGB `image` with all shades from its ink to its paper."""
    ink, paper = _ink_and_paper(image)
    shades = (np.arange(256) - ink) * (_PAPER / max(1.0, paper - ink))
    return np.asarray(cv2.LUT(image, np.clip(shades, 0, 255).astype(np.uint8)), np.uint8)


def _ink_and_paper(image: NDArray[np.uint8]) -> tuple[float, float]:
    shades = np.cumsum(cv2.calcHist([_small(image, _INK_SIDE)], [0], None, [256], (0, 256)))
    wanted = shades[-1] * np.array((_INK, _BLANK)) / 100
    ink, paper = np.searchsorted(shades, wanted)  # whole levels: there are no others
    return float(ink), float(paper)


def _paper(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Brightness of the paper at every place of `grey`, whether something is printed there or not."""
    size = _reach(grey)
    return np.asarray(cv2.GaussianBlur(cv2.medianBlur(_brightest(grey), size), (0, 0), size / 3), np.float32)


def _brightest(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The brightest that is near: paper, beside print."""
    size = _reach(grey)
    return np.asarray(cv2.dilate(np.ascontiguousarray(grey), np.ones((size, size), np.uint8)), np.uint8)


def _reach(grey: NDArray[np.uint8]) -> int:
    """Pixels across that are near; odd."""
    return max(15, int(0.06 * min(grey.shape)) | 1)


def _small(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Grey, the longest side `side` pixels at most."""
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)  # first: shrinking three channels takes longer
    return shrunk(grey, side)
