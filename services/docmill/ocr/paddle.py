"""Engine `paddle`: PP-OCRv6 models on ONNX Runtime, run with the stages of the `rapidocr` package.

The detector finds lines of text, each line is straightened into a strip, the recogniser reads the strip column by
column (CTC); a character's column gives its place, and so each word its box. The models are files of the `rapidocr`
wheel (Apache-2.0) and are never downloaded.

Differences from the package's own sequence: the detector sees at most about 1,280 pixels on the long side (three times
as fast, equally accurate on forms and receipts), strips are cut from the full picture, only strips that are upright
among lying ones are turned, and confidence belongs to the word instead of the line.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from docmill.domain.pages import Box, Line, Word
from docmill.ocr import EngineUnavailable
from docmill.ocr.lines import arrange
from docmill.ocr.plugins import EngineOptions, EngineStatus

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DETECTOR = "PP-OCRv6_det_small.onnx"
_RECOGNISER = "PP-OCRv6_rec_small.onnx"
_SETTINGS = "1"  # raise it when anything below changes what is read

_DETECT_LONG = 1280  # pixels of the detector's input
_DETECT_SHORT = 736
_DETECT_SHORT_FLOOR = 480  # a till receipt two metres long is not shrunk to a thread
_DETECT_ENLARGE = 3.0
_DETECT_PIXELS = 3_000_000
_TEXT_SCORE = 0.5  # lines read with less are no text
_SHRINK = 0.077  # of a strip's height: strips are cut wider than the ink so that nothing is lost
_UPRIGHT = 1.5  # a strip this much taller than wide may be text on its side


class PaddleFactory:
    """The plugin."""

    name = "paddle"

    def status(self, options: EngineOptions) -> EngineStatus:
        """See `EngineFactory`."""
        try:
            note = f"rapidocr {self._checked_version(options)}, PP-OCRv6 small on ONNX Runtime"
        except EngineUnavailable as error:
            return EngineStatus(name=self.name, works=False, device="", note=str(error))
        return EngineStatus(name=self.name, works=True, device="cpu", note=note)

    def fingerprint(self, options: EngineOptions) -> str:
        """See `EngineFactory`. One model reads every language it knows, so languages do not count."""
        version = self._checked_version(options)
        runtime = importlib.metadata.version("onnxruntime")
        own = f"+{options.weights_dir}" if options.weights_dir else ""
        return f"paddle-{_SETTINGS}-rapidocr{version}-ort{runtime}-ppocrv6small{own}"

    def batch_size(self, options: EngineOptions) -> int:
        """See `EngineFactory`."""
        del options
        return 1

    def create(self, options: EngineOptions) -> PaddleEngine:
        """See `EngineFactory`."""
        fingerprint = self.fingerprint(options)
        return PaddleEngine(_models_dir(options), threads=options.threads, fingerprint=fingerprint)

    def _checked_version(self, options: EngineOptions) -> str:
        for package in ("rapidocr", "onnxruntime"):
            if importlib.util.find_spec(package) is None:
                raise EngineUnavailable(
                    f"The engine paddle needs the package {package}; install it with: pip install 'docmill[ocr]'"
                )
        folder = _models_dir(options)
        for model in (_DETECTOR, _RECOGNISER):
            if not (folder / model).is_file():
                raise EngineUnavailable(f"The engine paddle needs the model {model}, which is not in {folder}")
        return importlib.metadata.version("rapidocr")


FACTORY = PaddleFactory()


def _models_dir(options: EngineOptions) -> Path:
    """The operator's folder, or the one inside the `rapidocr` package (found without importing it)."""
    if options.weights_dir is not None and (options.weights_dir / _RECOGNISER).is_file():
        return options.weights_dir
    spec = importlib.util.find_spec("rapidocr")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "models"


class PaddleEngine:
    """See `docmill.ocr.OcrEngine`."""

    name = "paddle"
    device = "cpu"
    batch_size = 1

    def __init__(self, models_dir: Path, *, threads: int, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self._detector, self._recogniser = _load(models_dir, threads)

    def read(self, images: Sequence[NDArray[np.uint8]]) -> list[tuple[Line, ...]]:
        """Pages one after the other: a batch reads exactly as its pages do."""
        return [self._read_one(image) for image in images]

    def _read_one(self, image: NDArray[np.uint8]) -> tuple[Line, ...]:
        bgr = np.ascontiguousarray(image[:, :, ::-1])
        strips = _cut_strips(bgr, self._detect(bgr))
        if not strips:
            return ()
        height, width = image.shape[:2]
        read = self._recogniser(_RecogniserInput([strip.pixels for strip in strips]))
        words: list[Word] = []
        for strip, text, score, info in zip(strips, read.txts, read.scores, read.word_results, strict=True):
            if score >= _TEXT_SCORE:
                words.extend(_words_of(strip, text, info, width, height))
        return arrange(words)

    def _detect(self, bgr: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Corners of every line of text, clockwise from its top left, in pixels of `bgr`."""
        height, width = bgr.shape[:2]
        scale = _detector_scale(width, height)
        small = bgr
        if scale != 1.0:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            small = np.asarray(
                cv2.resize(bgr, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR), dtype=np.uint8
            )
        found = self._detector(small).boxes
        if found is None:
            return []
        ratio = np.array([width / small.shape[1], height / small.shape[0]], dtype=np.float32)
        return [np.asarray(quad, dtype=np.float32) * ratio for quad in found]


@dataclass(frozen=True, slots=True)
class _RecogniserInput:
    """What rapidocr's recogniser asks of its argument."""

    img: list[NDArray[np.uint8]]
    return_word_box: bool = True


@dataclass(frozen=True, slots=True)
class _Strip:
    """A straightened line of text, and the way back to the page."""

    pixels: NDArray[np.uint8]
    to_page: NDArray[np.float64]
    """3 x 3 perspective matrix from strip coordinates (before turning) to page coordinates."""
    turned: bool
    """The strip stood upright and was turned a quarter to the left for reading."""

    def box(self, left: float, right: float, page_width: int, page_height: int) -> Box | None:
        """The upright page box of the strip between two of its columns (in pixels of the strip)."""
        height, width = self.pixels.shape[:2]
        inset = _SHRINK * height
        left, right = max(0.0, left), min(float(width), right)
        corners = np.array([(x, y) for x in (left, right) for y in (inset, height - inset)], dtype=np.float64)
        if self.turned:  # column x of the turned strip is row x of the upright one, counted from the top
            corners = np.stack([height - corners[:, 1], corners[:, 0]], axis=1)
        points = cv2.perspectiveTransform(corners[None], self.to_page)[0]
        x0, y0 = np.clip(points.min(axis=0), 0, (page_width, page_height))
        x1, y1 = np.clip(points.max(axis=0), 0, (page_width, page_height))
        if x1 - x0 < 1 or y1 - y0 < 1:
            return None
        return Box(round(float(x0), 2), round(float(y0), 2), round(float(x1 - x0), 2), round(float(y1 - y0), 2))


def _detector_scale(width: int, height: int) -> float:
    short, long = sorted((width, height))
    scale = min(_DETECT_ENLARGE, max(1.0, _DETECT_SHORT / short))
    if long * scale > _DETECT_LONG:
        scale = max(_DETECT_LONG / long, min(scale, _DETECT_SHORT_FLOOR / short))
    return float(min(scale, (_DETECT_PIXELS / (width * height)) ** 0.5))


def _cut_strips(bgr: NDArray[np.uint8], quads: Sequence[NDArray[np.float32]]) -> list[_Strip]:
    sizes = [_strip_size(quad) for quad in quads]
    lying = [height for width, height in sizes if height < _UPRIGHT * width]
    usual = median(lying) if lying else 0.0
    strips = []
    for quad, (width, height) in zip(quads, sizes, strict=True):
        if width < 3 or height < 3:
            continue
        flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
        matrix = cv2.getPerspectiveTransform(quad, flat)
        pixels = cv2.warpPerspective(
            bgr, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        # A single digit is taller than wide too: only strips that are also taller than the lines around are on their side.
        turned = height >= _UPRIGHT * width and height > _UPRIGHT * usual
        if turned:
            pixels = np.ascontiguousarray(np.rot90(pixels))
        strips.append(
            _Strip(np.asarray(pixels, dtype=np.uint8), np.asarray(np.linalg.inv(matrix), dtype=np.float64), turned)
        )
    return strips


def _strip_size(quad: NDArray[np.float32]) -> tuple[int, int]:
    a, b, c, d = quad
    width = max(np.linalg.norm(a - b), np.linalg.norm(c - d))
    height = max(np.linalg.norm(a - d), np.linalg.norm(b - c))
    return int(width), int(height)


def _words_of(strip: _Strip, text: str, info: Any, page_width: int, page_height: int) -> list[Word]:
    """Words of a strip, split at blanks.

    `info` is rapidocr's account of the line: the columns of all characters but blanks, the confidence of every
    character, and how many columns the strip takes.
    """
    columns = [column for word in info.word_cols for column in word]
    if not columns or info.line_txt_len <= 0:
        return []
    step = strip.pixels.shape[1] / info.line_txt_len
    centers = iter([(column + 0.5) * step for column in columns])
    places = [None if char.isspace() else next(centers) for char in text]
    half = _half_character(columns) * step
    words: list[Word] = []
    start = 0
    for part in text.split(" "):
        end = start + len(part)
        inside = [place for place in places[start:end] if place is not None]
        shown = "".join(part.split())
        if shown and inside:
            box = strip.box(inside[0] - half, inside[-1] + half, page_width, page_height)
            confidence = float(np.mean(info.confs[start:end]))
            if box is not None:
                words.append(Word(shown, box, round(min(1.0, max(0.0, confidence)), 4)))
        start = end + 1
    return words


def _half_character(columns: Sequence[int]) -> float:
    """Half the usual distance between neighbouring characters, in columns."""
    steps = [b - a for a, b in pairwise(columns) if b > a]
    return max(0.5, median(steps) / 2) if steps else 1.5


def _load(models_dir: Path, threads: int) -> tuple[Any, Any]:
    """Detector and recogniser of rapidocr with explicit model files, silent."""
    logging.getLogger("RapidOCR").disabled = True
    from rapidocr import RapidOCR  # noqa: PLC0415  # half a second: only those who read pay it
    from rapidocr.ch_ppocr_det import TextDetector  # noqa: PLC0415  # as above
    from rapidocr.ch_ppocr_rec import TextRecognizer  # noqa: PLC0415  # as above

    logging.getLogger("RapidOCR").disabled = True
    params = {
        "Global.log_level": "critical",
        "Det.model_path": str(models_dir / _DETECTOR),
        "Det.limit_side_len": 32,  # the picture comes in the right size
        "Det.use_dilation": False,
        "Rec.model_path": str(models_dir / _RECOGNISER),
        "Rec.rec_batch_num": 1,  # a batch is padded to its longest line: slower on a CPU, and lines would depend on each other
        "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        "EngineConfig.onnxruntime.enable_cpu_mem_arena": True,
    }
    config = RapidOCR(params=params).cfg
    for stage in (config.Det, config.Rec):
        stage.engine_cfg = config.EngineConfig.onnxruntime
        stage.model_root_dir = str(models_dir)
    config.Rec.font_path = None
    return TextDetector(config.Det), TextRecognizer(config.Rec)
