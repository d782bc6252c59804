"""EasyOCR with its real weights keeps the promises of `docmill.ocr.OcrEngine` (`make test-easyocr`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from docmill.domain.models import JobKind
from docmill.ocr import OcrEngine
from docmill.ocr.easyocr import FACTORY
from docmill.ocr.plugins import EngineFactory, EngineOptions
from docmill.worker.handlers import Timeouts
from tests.contract.ocr_suite import *  # noqa: F403  # the suite's tests run here
from tests.contract.ocr_suite import OTHER, picture
from tests.fixtures import counting_engine, documents
from tests.fixtures.mill import job, open_mill

SMALL = (400, 120)
"""Of a page: what a GPU does at once takes a CPU its time."""

pytestmark = [
    pytest.mark.easyocr,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),  # PyTorch warns about its own future
]


@pytest.fixture(scope="module")
def factory() -> EngineFactory:
    """The plugin."""
    return FACTORY


@pytest.fixture(scope="module")
def engine() -> OcrEngine:
    """The engine, loaded once for all tests."""
    return FACTORY.create(EngineOptions(threads=2))


def test_pages_through_the_network_together(engine: OcrEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a GPU does, on whatever is here: pages of one size are detected at once, and read as they are alone."""
    pages = [picture(("Total 147.75",), SMALL), picture(OTHER, (500, 250)), picture(("Paid in full",), SMALL)]
    alone = [engine.read([page])[0] for page in pages]
    monkeypatch.setattr(engine, "batch_size", 3)
    together = engine.read(pages)
    assert [[line.text for line in page] for page in together] == [[line.text for line in page] for page in alone]
    assert [line.text for line in together[2]] == ["Paid in full"]


async def test_a_worker_asks_for_pages_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of two documents go to the child in one request, and each is answered with its own words."""
    counting_engine.install(tmp_path, monkeypatch, "tests.fixtures.batching_easyocr")
    lines = ["Invoice 48213", "Total 147.75", "Paid in full"]
    pages = [documents.draw_page([line], SMALL)[0] for line in lines]
    documents.tiff(tmp_path / "a.tiff", pages[:2])
    documents.image_file(tmp_path / "b.png", pages[2])
    setup: dict[str, Any] = {"memory_limit": 8 * 1024**3, "timeouts": Timeouts(page=400)}
    async with open_mill(tmp_path, engine="batching", options={"batch_window": 60.0}, **setup) as mill:
        several, single = await mill.upload(tmp_path / "a.tiff"), await mill.upload(tmp_path / "b.png")
        jobs = [job(JobKind.PAGE, number, media_type="image/tiff", **several) for number in (1, 2)]
        jobs.append(job(JobKind.PAGE, 1, media_type="image/png", **single))
        results = await mill.work(*jobs, seconds=400)  # PyTorch and the weights are loaded first
        assert [(await mill.text(result)).text for result in results] == lines
    assert len({result.engine_ms for result in results}) == 1  # equal shares of one call
