"""Reads one page: its text layer where that can be trusted, its picture through an OCR engine otherwise.

A page that shows text both as characters and in pictures is read both ways (`docmill.ocr.hybrid`).
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import Any

from docmill.domain.errors import InvalidArgument, Reason
from docmill.domain.pages import Box, Line, Page, Word
from docmill.ocr import OcrEngine, Transcript, hybrid, lighting, quality
from docmill.ocr.documents import OpenDocument, RenderedPage
from docmill.ocr.faint import read_faint
from docmill.ocr.limits import MediaLimits
from docmill.ocr.plugins import EngineOptions
from docmill.ocr.registry import AUTO, find_factory
from docmill.ocr.text_layer import TextLayer
from docmill.ocr.turning import read_upright

TEXT_LAYER = "text-layer"
"""Engine name of pages whose own text was taken."""

_VERSION = "8"  # raise it when the choice between text layer and OCR, pictures, turning, or the making of words and lines change
_MARGIN = 4.0  # points around an area of a page that is read by itself


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
    """A page whose picture, or pictures, must be read; it needs its document no more."""

    page: Page
    """The page with what it says itself."""
    rendered: tuple[RenderedPage, ...]
    """The whole page, or the areas that its own text leaves out."""
    areas: tuple[Box, ...] = ()
    """Where on the page those areas are; none if it is read as a whole."""
    unseen: frozenset[Word] = frozenset()
    """Words of the page that nobody sees."""


class PageReader:
    """Reads pages with one engine, which is loaded when the first page needs it and kept."""

    def __init__(
        self,
        engine_name: str = AUTO,
        limits: MediaLimits | None = None,
        options: EngineOptions | None = None,
    ) -> None:
        """Raises `EngineUnavailable` or `InvalidArgument` for an engine that cannot work here, without loading it."""
        self.limits = limits or MediaLimits()
        self._options = options or EngineOptions()
        self._factory = find_factory(engine_name, self._options)
        self._settings = "|".join(
            (
                _VERSION,
                quality.VERSION,
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

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """`fingerprint_for` each `mode`; under the empty string, without options."""
        return {"": self.fingerprint, **{mode.value: self.fingerprint_for({"mode": mode}) for mode in ReadMode}}

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
            page = _page(document, number, TEXT_LAYER, layer.lines)
            picture = _beside(layer, document, page) if mode is ReadMode.AUTO else None
            return picture or _own_text(page)
        empty = _page(document, number, "", ())
        if mode is ReadMode.TEXT_LAYER:
            return _own_text(empty)
        return Picture(page=empty, rendered=(document.render(number),))

    def read_pictures(self, pictures: Sequence[Picture]) -> list[ReadPage]:
        """Read together; each page counts an equal share of the engine's time."""
        engine = self._loaded()
        started = time.perf_counter()
        images = [lighting.evenly_lit(part.image) for picture in pictures for part in picture.rendered]
        read = iter(read_faint(engine, images, read_upright(engine, images)))
        engine_ms = round((time.perf_counter() - started) * 1000 / len(pictures))
        pages = [_with(picture, engine.name, list(islice(read, len(picture.rendered)))) for picture in pictures]
        return [ReadPage(page=page, engine_ms=engine_ms) for page in pages]

    def _loaded(self) -> OcrEngine:
        with self._loading:
            if self._engine is None:
                self._engine = self._factory.create(self._options)
            return self._engine


def _own_text(page: Page) -> ReadPage:
    return ReadPage(page=replace(page, quality=quality.of_text(page)), engine_ms=0)


def _mode(options: Mapping[str, Any]) -> ReadMode:
    mode = options.get("mode", ReadMode.AUTO)
    try:
        return ReadMode(mode)
    except ValueError as error:
        known = ", ".join(ReadMode)
        raise InvalidArgument(
            Reason.FIELD_INVALID, f"There is no reading mode {mode!r}; known are {known}", {"field": "mode"}
        ) from error


def _beside(layer: TextLayer, document: OpenDocument, page: Page) -> Picture | None:
    """What else there is to read on a page whose own text is good."""
    found = []
    seen = [word.box for word in page.words if word not in layer.unseen]
    for area in hybrid.areas(layer.drawings, page.width, page.height):
        part = document.render(page.number, _with_margin(area))
        hybrid.paint_out(part.image, (part.to_pixels(box) for box in seen))
        if hybrid.shows_writing(part.image, scan=hybrid.is_scan(area, seen, page.width, page.height)):
            found.append((area, part))
    if not found:
        return None
    areas, parts = zip(*found, strict=True)
    return Picture(page=page, rendered=parts, areas=areas, unseen=layer.unseen)


def _with_margin(area: Box) -> Box:
    """Engines need some blank around letters."""
    return Box(area.x - _MARGIN, area.y - _MARGIN, area.w + 2 * _MARGIN, area.h + 2 * _MARGIN)


def _with(picture: Picture, engine: str, read: Sequence[Transcript]) -> Page:
    """The picture's page with what the engine read from each of its parts."""
    page = picture.page
    parts = zip(read, picture.rendered, strict=True)
    found = [tuple(_to_page(line, part) for line in transcript.lines) for transcript, part in parts]
    if not picture.areas:
        lines = found[0]
        whole = replace(page, engine=engine if lines else "", lines=lines)
        return replace(whole, quality=quality.of_picture(whole, picture.rendered[0], read[0]))
    merged = hybrid.merge(page.lines, picture.unseen, list(zip(picture.areas, found, strict=True)))
    both = merged != page.lines
    whole = replace(page, engine=f"{TEXT_LAYER}+{engine}" if both else TEXT_LAYER, lines=merged)
    return replace(whole, quality=quality.of_text(whole))


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
