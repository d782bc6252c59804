"""Where the text of pages is: CRAFT over several pages of one canvas at once, then boxes of lines page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from easyocr.craft_utils import adjustResultCoordinates, getDetBoxes
from easyocr.utils import diff, group_text_box

from docmill.ocr.easyocr.ladders import canvas_of, chunks, together
from docmill.ocr.easyocr.networks import Memory, Network
from docmill.ocr.easyocr.plan import Plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Detector", "Places"]

_LONGEST = 2560  # pixels of a page's longer side; these and the next are EasyOCR's defaults
_TEXT, _LINK, _LOW_TEXT = 0.7, 0.4, 0.4
_SMALLEST = 20  # pixels of a box's longer side
_GROUPING = {"slope_ths": 0.1, "ycenter_ths": 0.5, "height_ths": 0.5, "width_ths": 0.5, "add_margin": 0.1}
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the pictures that CRAFT learnt from, RGB


@dataclass(frozen=True, slots=True)
class Places:
    """Boxes of lines on a page, in pixels of its picture."""

    level: list[list[int]]
    """Left, right, top, bottom."""
    slanted: list[list[list[float]]]
    """Corners, clockwise from the top left."""


class Detector:
    """CRAFT."""

    def __init__(self, network: Network, plan: Plan, memory: Memory) -> None:
        self._network = network
        self._plan = plan
        self._memory = memory
        self._mean = 255 * torch.tensor(_MEAN, device=plan.device).view(1, 3, 1, 1)
        self._deviation = 255 * torch.tensor(_DEVIATION, device=plan.device).view(1, 3, 1, 1)

    def find(self, images: Sequence[NDArray[np.uint8]]) -> list[Places]:
        """The boxes on each image (uint8, height x width x 3, RGB)."""
        places: dict[int, Places] = {}
        scaled = [_scaled(image) for image in images]
        by_canvas = together(range(len(images)), lambda number: self._canvas(scaled[number]))
        for canvas, numbers in by_canvas.items():
            for some in chunks(numbers, self._memory.pages(canvas)):
                scores = self._memory.careful(
                    partial(self._scores, canvas=canvas),
                    [scaled[number] for number in some],
                    "a page",
                    too_many=self._memory.fewer,
                )
                for number, score in zip(some, scores, strict=True):
                    ratio = max(images[number].shape) / max(scaled[number].shape)
                    places[number] = _places(score, images[number].shape, ratio)
        return [places[number] for number in range(len(images))]

    def _canvas(self, image: NDArray[np.uint8]) -> tuple[int, int]:
        height, width = image.shape[:2]
        return canvas_of(height, width, self._plan.step)

    def _scores(self, images: Sequence[NDArray[np.uint8]], canvas: tuple[int, int]) -> list[NDArray[np.float32]]:
        """Of each image at half its size: how much every point is a letter's, and between letters of one word."""
        canvases = np.zeros((len(images), *canvas, 3), dtype=np.uint8)
        for page, image in zip(canvases, images, strict=True):
            page[: image.shape[0], : image.shape[1]] = image
        pixels = torch.from_numpy(canvases).to(self._plan.device).permute(0, 3, 1, 2).float()
        scores = self._network(pixels.sub_(self._mean).div_(self._deviation)).cpu().numpy()
        return [
            np.ascontiguousarray(score[: -(-image.shape[0] // 2), : -(-image.shape[1] // 2)])
            for score, image in zip(scores, images, strict=True)
        ]


def _scaled(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = _LONGEST / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, int(width * scale)), max(1, int(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _places(score: NDArray[np.float32], shape: Sequence[int], ratio: float) -> Places:
    boxes = adjustResultCoordinates(word_boxes(score), ratio, ratio)
    corners = [np.asarray(box).astype(np.int32).reshape(-1) for box in boxes]
    level, slanted = group_text_box(corners, **_GROUPING)
    return Places(
        [box for box in (_inside(box, shape) for box in level) if max(box[1] - box[0], box[3] - box[2]) > _SMALLEST],
        [quad for quad in slanted if max(diff([x for x, _ in quad]), diff([y for _, y in quad])) > _SMALLEST],
    )


def word_boxes(score: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """EasyOCR's boxes of words in pixels of `score`: of each band of rows between blank ones for itself.

    It looks through everything that it is given once for each word, which would take longer than CRAFT on a GPU.
    """
    marked = (score[:, :, 0] > _LOW_TEXT) | (score[:, :, 1] > _LINK)
    edges = np.flatnonzero(np.diff(marked.any(axis=1).astype(np.int8), prepend=0, append=0))
    found: list[NDArray[np.float32]] = []
    for top, bottom in zip(edges[::2], edges[1::2], strict=True):
        # A box may be wider than its word's marks by twice the root of their height, at most.
        around = 2 + int(2 * (bottom - top) ** 0.5)
        start = max(0, top - around)
        band = score[start : bottom + around].copy()
        band[: top - start] = 0
        band[bottom - start :] = 0
        boxes, _, _ = getDetBoxes(band[:, :, 0], band[:, :, 1], _TEXT, _LINK, _LOW_TEXT)
        found += [np.asarray(box + np.array([0, start], dtype=np.float32)) for box in boxes]
    return found


def _inside(box: Sequence[Any], shape: Sequence[int]) -> list[int]:
    left, right, top, bottom = (int(side) for side in box)
    return [max(0, left), min(right, shape[1]), max(0, top), min(bottom, shape[0])]
