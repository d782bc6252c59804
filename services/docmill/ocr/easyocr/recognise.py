"""What stands in the boxes: strips of all pages by their width, several at once through the recogniser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from bidi import get_display
from easyocr.recognition import get_text
from easyocr.utils import get_image_list

from docmill.ocr.easyocr.detect import Places
from docmill.ocr.easyocr.ladders import chunks, strip_width, together
from docmill.ocr.easyocr.networks import Memory, Network, quiet
from docmill.ocr.easyocr.plan import Plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ReadLine", "Recogniser"]

_HEIGHT = 64  # of a strip: what the recogniser is made for
_PIXELS = 64 * 640 * _HEIGHT  # of the strips that are read together
_UNSURE, _CONTRAST = 0.1, 0.5  # below so much confidence a strip is read again with more contrast: EasyOCR's defaults


@dataclass(frozen=True, slots=True)
class ReadLine:
    """What was read in one box."""

    quad: Any
    """Corners in pixels of the page's picture: four pairs."""
    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class _Strip:
    page: int
    quad: Any
    pixels: NDArray[np.uint8]

    @property
    def width(self) -> int:
        """What the strip takes at the recogniser's height, padding included."""
        return strip_width(-(-self.pixels.shape[1] * _HEIGHT // self.pixels.shape[0]))


class Recogniser:
    """EasyOCR's CRNN for the languages of `reader`, an `easyocr.Reader`."""

    def __init__(self, network: Network, reader: Any, plan: Plan, memory: Memory) -> None:
        self._network = network
        self._plan = plan
        self._memory = memory
        self._converter = reader.converter
        self._letters = reader.character
        self._foreign = "".join(sorted(set(reader.character) - set(reader.lang_char)))
        self._right_to_left = reader.model_lang == "arabic"

    def read(self, images: Sequence[NDArray[np.uint8]], places: Sequence[Places]) -> list[list[ReadLine]]:
        """The lines of each image (RGB) at its places."""
        strips = [
            strip
            for page, (image, where) in enumerate(zip(images, places, strict=True))
            for strip in _cut(page, image, where)
        ]
        lines: list[list[ReadLine]] = [[] for _ in images]
        for width, alike in together(strips, lambda strip: strip.width).items():
            size = max(1, min(self._plan.lines, _PIXELS // (width * _HEIGHT)))
            for some in chunks(alike, size):
                read = self._memory.careful(partial(self._texts, width=width), some, "a line of text")
                for strip, line in zip(some, read, strict=True):
                    lines[strip.page].append(line)
        return lines

    def _texts(self, strips: Sequence[_Strip], width: int) -> list[ReadLine]:
        with quiet():
            read = get_text(
                self._letters,
                _HEIGHT,
                width,
                self._network,
                self._converter,
                [(strip.quad, strip.pixels) for strip in strips],
                self._foreign,
                batch_size=len(strips),
                contrast_ths=_UNSURE,
                adjust_contrast=_CONTRAST,
                workers=0,
                device=self._plan.device,
            )
        return [
            ReadLine(quad, get_display(text) if self._right_to_left else text, float(confidence))
            for quad, text, confidence in read
        ]


def _cut(page: int, image: NDArray[np.uint8], places: Places) -> list[_Strip]:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    level = [box for box in places.level if box[1] - box[0] >= 1 and box[3] - box[2] >= 1]
    slanted = [quad for quad in places.slanted if min(_sides(quad)) >= 1]
    found, _ = get_image_list(level, slanted, grey, model_height=_HEIGHT)
    return [_Strip(page, quad, pixels) for quad, pixels in found]


def _sides(quad: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Width and height of a slanted box, as EasyOCR measures them."""
    a, b, c, d = (np.asarray(corner) for corner in quad)
    width = max(np.linalg.norm(a - b), np.linalg.norm(c - d))
    height = max(np.linalg.norm(a - d), np.linalg.norm(b - c))
    return float(width), float(height)
