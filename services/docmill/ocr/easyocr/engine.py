"""The engine itself: finds text on pages, reads it, and makes words and lines of it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from docmill.domain.pages import Box, Word
from docmill.ocr import EngineUnavailable, Transcript
from docmill.ocr.easyocr.detect import Detector
from docmill.ocr.easyocr.networks import DeviceFull, Memory, Network, load
from docmill.ocr.easyocr.plan import Plan, plan_here
from docmill.ocr.easyocr.recognise import ReadLine, Recogniser
from docmill.ocr.easyocr.weights import Weights
from docmill.ocr.lines import arrange
from docmill.ocr.plugins import EngineOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EasyOcrEngine", "usable"]

log = logging.getLogger(__name__)


class EasyOcrEngine:
    """See `docmill.ocr.OcrEngine`."""

    def __init__(
        self, weights: Weights, plan: Plan, options: EngineOptions, *, name: str = "easyocr", fingerprint: str
    ) -> None:
        torch.set_num_threads(options.threads)
        self.name = name
        self.fingerprint = fingerprint
        self.device = plan.device
        self.batch_size = plan.pages
        if plan.gpu is None:
            log.warning("EasyOCR reads on the CPU: %s", plan)
        reader = load(weights, plan)
        memory = Memory(plan, options.gpu_memory)
        self._detector = Detector(Network(reader.detector, plan.device, plan.precision), plan, memory)
        self._recogniser = Recogniser(Network(reader.recognizer, plan.device, plan.reading), reader, plan, memory)
        self._warm_up()

    def read(self, images: Sequence[NDArray[np.uint8]]) -> list[Transcript]:
        """See `docmill.ocr.OcrEngine`; raises `DeviceFull` if a page alone is too much for the GPU."""
        read = self._recogniser.read(images, self._detector.find(images))
        return [
            Transcript(arrange(_words(lines, image.shape[1], image.shape[0])))
            for lines, image in zip(read, images, strict=True)
        ]

    def _warm_up(self) -> None:
        """What the device does only the first time (kernels, handles, its memory) is no page's business."""
        page = np.full((96, 256, 3), 255, dtype=np.uint8)
        cv2.putText(page, "Warm", (24, 64), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (0, 0, 0), 3)
        try:
            self.read([page])
        except DeviceFull as error:
            raise EngineUnavailable(error.message) from error


def usable(plan: Plan, options: EngineOptions) -> Plan:
    """`plan`, or that for the CPU where PyTorch cannot use the GPU that the driver has."""
    if plan.gpu is None or torch.cuda.is_available():
        return plan
    message = "The driver has a GPU, but this PyTorch cannot use it: is it made for a newer driver, or without CUDA?"
    if options.gpu == "on":
        raise EngineUnavailable(message)
    log.warning(message)
    return plan_here(replace(options, gpu="off"))


def _words(lines: Iterable[ReadLine], width: int, height: int) -> list[Word]:
    """Words of all lines: a line's box is divided at its blanks in proportion to characters."""
    words: list[Word] = []
    for line in lines:
        points = np.asarray(line.quad, dtype=np.float64)
        left, top = np.clip(points.min(axis=0), 0, (width, height))
        right, bottom = np.clip(points.max(axis=0), 0, (width, height))
        if right - left < 1 or bottom - top < 1:
            continue
        each = (right - left) / max(1, len(line.text))
        start = 0
        for part in line.text.split(" "):
            shown = "".join(part.split())
            if shown:
                box = Box(
                    round(float(left + start * each), 2),
                    round(float(top), 2),
                    round(float(len(part) * each), 2),
                    round(float(bottom - top), 2),
                )
                words.append(Word(shown, box, round(min(1.0, max(0.0, line.confidence)), 4)))
            start += len(part) + 1
    return words
