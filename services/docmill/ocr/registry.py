"""Engines by name: entry points of the group `docmill.ocr`, and the built-in ones."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from docmill.domain.errors import InvalidArgument, Reason
from docmill.ocr import EngineUnavailable, OcrEngine
from docmill.ocr.easyocr import FACTORY as EASYOCR
from docmill.ocr.gpu import first_gpu
from docmill.ocr.paddle import FACTORY as PADDLE
from docmill.ocr.plugins import EngineFactory, EngineOptions, EngineStatus
from docmill.ocr.tesseract import FACTORY as TESSERACT

GROUP = "docmill.ocr"
AUTO = "auto"


def create_engine(
    name: str = AUTO, *, threads: int = 1, weights_dir: Path | None = None, languages: Sequence[str] = ("en",)
) -> OcrEngine:
    """The engine with its models loaded; `auto` takes the first that works of easyocr (with CUDA), paddle, tesseract.

    Raises `EngineUnavailable` if it cannot work here and `InvalidArgument` for a name that nobody registered.
    """
    options = EngineOptions(threads=threads, weights_dir=weights_dir, languages=tuple(languages))
    return find_factory(name, options).create(options)


def available_engines(options: EngineOptions | None = None) -> list[EngineStatus]:
    """Every known engine and whether it works here; quick, loads no models."""
    options = options or EngineOptions()
    return [factory.status(options) for factory in factories().values()]


def find_factory(name: str, options: EngineOptions) -> EngineFactory:
    """The plugin called `name`; see `create_engine` for `auto` and the errors."""
    known = factories()
    if name == AUTO:
        return _first_that_works(known, options)
    if name not in known:
        raise InvalidArgument(
            Reason.FIELD_INVALID,
            f"There is no OCR engine {name!r}; known are {', '.join([AUTO, *known])}",
            {"field": "engine"},
        )
    return known[name]


@cache
def factories() -> Mapping[str, EngineFactory]:
    """All plugins by name, built-in ones first; an entry point of the same name replaces a built-in one."""
    known: dict[str, EngineFactory] = {factory.name: factory for factory in (PADDLE, EASYOCR, TESSERACT)}
    for entry in importlib.metadata.entry_points(group=GROUP):
        if not entry.value.startswith("docmill.ocr."):
            known[entry.name] = entry.load()
    return known


def _first_that_works(known: Mapping[str, EngineFactory], options: EngineOptions) -> EngineFactory:
    """EasyOCR only on a GPU: on a CPU it is the slowest by far and reads worst."""
    easyocr, rest = known["easyocr"], [known["paddle"], known["tesseract"]]
    if first_gpu() and easyocr.status(options).device.startswith("cuda"):
        return easyocr
    notes: list[str] = []
    for factory in rest:
        status = factory.status(options)
        if status.works:
            return factory
        notes.append(status.note)
    raise EngineUnavailable("No OCR engine works here. " + ". ".join(notes))
