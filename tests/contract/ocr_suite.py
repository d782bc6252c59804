"""The obligations of `docmill.ocr.OcrEngine` as tests. Files that run them define the fixtures `factory` and `engine`."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import pytest

from docmill.ocr import OcrEngine, Transcript
from docmill.ocr.plugins import EngineFactory, EngineOptions
from tests.fixtures import documents

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from docmill.domain.pages import Box, Word

OTHER = ("Delivery note 5530", "Paid with thanks")


def picture(lines: Sequence[str] = documents.LINES, size: tuple[int, int] = (1000, 600)) -> NDArray[np.uint8]:
    """A page of text as an engine gets it."""
    return np.asarray(documents.draw_page(lines, size)[0], dtype=np.uint8)


def words_in(page: Transcript) -> list[Word]:
    """All words of a result."""
    return [word for line in page.lines for word in line.words]


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width = min(a.right, b.right) - max(a.x, b.x)
    height = min(a.bottom, b.bottom) - max(a.y, b.y)
    common = max(0.0, width) * max(0.0, height)
    return common / (a.w * a.h + b.w * b.h - common)


def test_reads_what_is_printed(engine: OcrEngine) -> None:
    """Clean print is read word for word, in lines, in reading order."""
    (page,) = engine.read([picture()])
    assert [line.text for line in page.lines] == list(documents.LINES)


def test_words_are_boxed_where_they_stand(engine: OcrEngine) -> None:
    """The box of a word overlaps its ink by more than half of both."""
    image, drawn = documents.draw_page()
    (page,) = engine.read([np.asarray(image, dtype=np.uint8)])
    read = words_in(page)
    assert len(read) == len(drawn)
    overlaps = [overlap(word.box, ink.box) for word, ink in zip(read, drawn, strict=True)]
    assert sum(overlaps) / len(overlaps) > 0.5
    assert min(overlaps) > 0.25


def test_words_are_whole_and_inside(engine: OcrEngine) -> None:
    """Words carry no white space, their boxes lie inside the picture, confidence is 0 to 1."""
    image = picture(size=(700, 400))  # text runs into the right edge and the bottom
    (page,) = engine.read([image])
    assert page.lines
    for word in words_in(page):
        assert word.text.split() == [word.text]
        assert 0 <= word.confidence <= 1
        assert min(word.box.x, word.box.y) >= 0
        assert word.box.w > 0
        assert word.box.h > 0
        assert word.box.right <= 700.01
        assert word.box.bottom <= 400.01


def test_a_batch_reads_like_its_pages(engine: OcrEngine) -> None:
    """Results come in the order of the pictures, and a batch of one gives the same text as a batch of many."""
    pages = [picture(), picture(OTHER), picture(OTHER, (800, 300)), *[picture(OTHER)] * (engine.batch_size - 1)]
    batch = engine.read(pages)
    assert len(batch) == len(pages)
    for image, together in zip(pages, batch, strict=True):
        (alone,) = engine.read([image])
        assert [line.text for line in alone.lines] == [line.text for line in together.lines]
    assert engine.read([]) == []


def test_reading_is_deterministic(engine: OcrEngine) -> None:
    """The same picture gives the same words, boxes and confidence."""
    assert engine.read([picture(OTHER)]) == engine.read([picture(OTHER)])


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_page_without_text_gives_no_lines(engine: OcrEngine, shade: int) -> None:
    """Nothing is read from an empty page, whatever its colour."""
    assert engine.read([np.full((300, 400, 3), shade, dtype=np.uint8)]) == [Transcript()]


@pytest.mark.parametrize("shape", [(1, 1), (2, 400), (400, 2), (20, 3000)])
def test_odd_shapes_do_no_harm(engine: OcrEngine, shape: tuple[int, int]) -> None:
    """Slivers and dots are pages without text."""
    assert engine.read([np.full((*shape, 3), 255, dtype=np.uint8)]) == [Transcript()]


def test_engine_introduces_itself(engine: OcrEngine, factory: EngineFactory) -> None:
    """Name and device are given; fingerprint and size of a batch are known without loading the engine."""
    assert engine.name == factory.name
    assert engine.device
    assert engine.fingerprint.startswith(factory.fingerprint(EngineOptions()))
    assert 1 <= engine.batch_size <= 64
    assert engine.batch_size == factory.batch_size(EngineOptions())
    status = factory.status(EngineOptions())
    assert status.works
    assert status.device == engine.device


def test_engine_works_without_a_network(factory: EngineFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models are there already: loading and reading open no connection and look up no name."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("an engine reached for the network")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    (page,) = factory.create(EngineOptions()).read([picture(OTHER)])
    assert [line.text for line in page.lines] == list(OTHER)
