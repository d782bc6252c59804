"""Reads one page: its text layer where that can be trusted, its picture through an OCR engine otherwise."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from docmill.domain.errors import InvalidArgument, Reason
from docmill.domain.pages import Line, Page, Word
from docmill.ocr import OcrEngine
from docmill.ocr.documents import OpenDocument, RenderedPage
from docmill.ocr.limits import MediaLimits
from docmill.ocr.plugins import EngineOptions
from docmill.ocr.registry import AUTO, find_factory
from docmill.ocr.turning import read_upright

TEXT_LAYER = "text-layer"
"""Engine name of pages whose own text was taken."""

_VERSION = "2"  # raise it when the choice between text layer and OCR, pictures, or the making of words and lines change


class ReadMode(StrEnum):
    """How a page is read."""

    AUTO = "auto"  # the text layer where it can be trusted, else OCR
    OCR = "ocr"  # always the picture
    TEXT_LAYER = "text-layer"  # never the picture; a page without a text layer stays empty


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPage:
    """A page that was read."""

    page: Page
    engine_ms: int
    """Time inside the OCR engine; 0 for a text layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A page whose picture must be read; it needs its document no more."""

    page: Page
    """The page without lines."""
    rendered: RenderedPage


class PageReader:
    """Reads pages with one engine, which is loaded when the first page needs it and kept."""

    def __init__(
        self,
        engine_name: str = AUTO,
        limits: MediaLimits | None = None,
        *,
        threads: int = 1,
        weights_dir: Path | None = None,
        languages: Sequence[str] = ("en",),
        gpu: str = "auto",
    ) -> None:
        """Raises `EngineUnavailable` or `InvalidArgument` for an engine that cannot work here, without loading it."""
        self.limits = limits or MediaLimits()
        self._options = EngineOptions(threads=threads, weights_dir=weights_dir, languages=tuple(languages), gpu=gpu)
        self._factory = find_factory(engine_name, self._options)
        self._settings = "|".join(
            (
                _VERSION,
                self._factory.fingerprint(self._options),
                f"{self.limits.render_dpi:g}",
                str(self.limits.max_render_side),
            )
        )
        self._engine: OcrEngine | None = None
        self._loading = threading.Lock()

    @property
    def engine_name(self) -> str:
        """The engine that reads pictures: never `auto`."""
        return self._factory.name

    @property
    def batch_size(self) -> int:
        """How many pictures the engine most likely gains from reading together."""
        return self._factory.batch_size(self._options)

    @property
    def fingerprint(self) -> str:
        """`fingerprint_for` without options."""
        return self.fingerprint_for({})

    def fingerprint_for(self, options: Mapping[str, Any]) -> str:
        """16 hex digits that change whenever the same page could read differently: part of page keys."""
        settings = f"{self._settings}|{_mode(options)}"
        return hashlib.sha256(settings.encode()).hexdigest()[:16]

    def warm_up(self) -> None:
        """Loads the engine, from any thread; a page that needs it meanwhile waits for this one load."""
        self._loaded()

    def read(self, document: OpenDocument, number: int, options: Mapping[str, Any]) -> ReadPage:
        """Page `number` (from 1). `options`: `{"mode": "auto" | "ocr" | "text-layer"}`, other keys are not ours.

        Raises `MediaError` for a page that is damaged, `InvalidArgument` for an unknown mode.
        """
        seen = self.look(document, number, options)
        return self.read_pictures([seen])[0] if isinstance(seen, Picture) else seen

    def look(self, document: OpenDocument, number: int, options: Mapping[str, Any]) -> ReadPage | Picture:
        """The page from its text layer, or else the picture to read. As `read`, without the engine."""
        mode = _mode(options)
        layer = document.text_layer(number) if mode is not ReadMode.OCR else None
        if layer is not None and (mode is ReadMode.TEXT_LAYER or layer.is_trustworthy):
            return ReadPage(page=_page(document, number, TEXT_LAYER, layer.lines), engine_ms=0)
        empty = _page(document, number, "", ())
        if mode is ReadMode.TEXT_LAYER:
            return ReadPage(page=empty, engine_ms=0)
        return Picture(page=empty, rendered=document.render(number))

    def read_pictures(self, pictures: Sequence[Picture]) -> list[ReadPage]:
        """Read together; each page counts an equal share of the engine's time."""
        engine = self._loaded()
        started = time.perf_counter()
        read = read_upright(engine, [picture.rendered.image for picture in pictures])
        engine_ms = round((time.perf_counter() - started) * 1000 / len(pictures))
        pages = []
        for picture, found in zip(pictures, read, strict=True):
            lines = tuple(_to_page(line, picture.rendered) for line in found)
            page = replace(picture.page, engine=engine.name if lines else "", lines=lines)
            pages.append(ReadPage(page=page, engine_ms=engine_ms))
        return pages

    def _loaded(self) -> OcrEngine:
        with self._loading:
            if self._engine is None:
                self._engine = self._factory.create(self._options)
            return self._engine


def _mode(options: Mapping[str, Any]) -> ReadMode:
    mode = options.get("mode", ReadMode.AUTO)
    try:
        return ReadMode(mode)
    except ValueError as error:
        known = ", ".join(ReadMode)
        raise InvalidArgument(
            Reason.FIELD_INVALID, f"There is no reading mode {mode!r}; known are {known}", {"field": "mode"}
        ) from error


def _to_page(line: Line, picture: RenderedPage) -> Line:
    return Line(tuple(Word(word.text, picture.to_page(word.box), word.confidence) for word in line.words))


def _page(document: OpenDocument, number: int, engine: str, lines: tuple[Line, ...]) -> Page:
    size = document.page_size(number)
    return Page(
        number=number,
        width=size.width,
        height=size.height,
        unit=size.unit,
        rotation=document.rotation(number),
        engine=engine,
        lines=lines,
    )
