"""Pages that an engine reads together: a real worker and child, and an engine that is a plug-in and counts."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from docmill.domain.errors import Reason
from docmill.domain.messages import JobMessage
from docmill.domain.models import JobKind
from docmill.ocr.documents import open_document
from docmill.ocr.reader import PageReader, Picture
from docmill.worker.handlers import Timeouts
from tests.fixtures import counting_engine, documents
from tests.fixtures.counting_engine import CRASHES, FAILS, HANGS, batches, sheet
from tests.fixtures.mill import Mill, open_mill
from tests.fixtures.worker_house import until

PATIENT = {"batch_window": 10.0}
"""For tests that fill a batch: they do not depend on how quickly pages come together."""


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the engine, now installed, writes what it is given."""
    counting_engine.install(tmp_path, monkeypatch)
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


def counting(tmp_path: Path, notes: Path, **changes: Any) -> AbstractAsyncContextManager[Mill]:
    """A worker that reads with it."""
    return open_mill(tmp_path, engine="counting", weights_dir=str(notes), **changes)


@asynccontextmanager
async def _nothing_is_left(mill: Mill) -> AsyncIterator[None]:
    yield
    await until(lambda: not mill.beats[-1].holding)


async def pages_of(mill: Mill, path: Path, *pages: int, run: str = "run1") -> list[JobMessage]:
    """Jobs to read pages of the document."""
    facts = await mill.upload(path)
    media_type = {".png": "image/png", ".tiff": "image/tiff"}[path.suffix]
    return [
        JobMessage(
            job_id=f"{run}-{path.stem}-{number}",
            attempt=1,
            kind=JobKind.PAGE,
            org_id="org",
            run_id=run,
            page=number,
            media_type=media_type,
            **facts,
        )
        for number in pages
    ]


async def test_pages_of_several_runs_are_read_together(tmp_path: Path, notes: Path) -> None:
    """Four pages of two documents are one call of the engine; each is answered with its own text."""
    async with counting(tmp_path, notes, options=PATIENT) as mill, _nothing_is_left(mill):
        jobs = await pages_of(mill, sheet(tmp_path / "a.tiff", 11, 12, 13), 1, 3)
        jobs += await pages_of(mill, sheet(tmp_path / "b.tiff", 21, 22), 2, 1, run="run2")
        results = await mill.work(*jobs)
        assert [(await mill.text(result)).text for result in results] == ["shade11", "shade13", "shade22", "shade21"]
        assert [(await mill.text(result)).number for result in results] == [1, 3, 2, 1]
        assert {beat.slots for beat in mill.beats} == {4}  # so that the services publish enough
    assert [sorted(shades) for shades in batches(notes)] == [[11, 13, 21, 22]]


async def test_a_page_without_company_is_read_soon(tmp_path: Path, notes: Path) -> None:
    """Who waits for company waits for the window and no longer; what does not fit into a batch comes in the next."""
    async with counting(tmp_path, notes, options={"batch_window": 0.1}) as mill:
        path = sheet(tmp_path / "a.tiff", 1)
        began = time.monotonic()
        await mill.work(*await pages_of(mill, path, 1))
        assert time.monotonic() - began < 5
        others = sheet(tmp_path / "b.tiff", 6, 7, 8, 9, 10)  # no page that was read before
        await mill.work(*await pages_of(mill, others, 1, 2, 3, 4, 5, run="run2"))
    counted = [len(shades) for shades in batches(notes)]
    assert counted[0] == 1
    assert sum(counted) == 6
    assert max(counted) <= 4


async def test_bad_pages_cost_themselves(tmp_path: Path, notes: Path) -> None:
    """A damaged file, and a page on which the engine fails, are answered with their fault; those beside them are read."""
    damaged = sheet(tmp_path / "damaged.png", 3)
    damaged.write_bytes(damaged.read_bytes()[:60])
    async with counting(tmp_path, notes, options=PATIENT) as mill, _nothing_is_left(mill):
        jobs = await pages_of(mill, sheet(tmp_path / "a.png", 1), 1)
        jobs += await pages_of(mill, damaged, 1)
        jobs += await pages_of(mill, sheet(tmp_path / "b.png", 2, mood=FAILS), 1)
        jobs += await pages_of(mill, sheet(tmp_path / "c.png", 4), 1)
        first, broken, failed, last = await mill.work(*jobs)
        assert (await mill.text(first)).text == "shade1"
        assert (await mill.text(last)).text == "shade4"
        assert broken.fault is not None
        assert (broken.fault.reason, broken.fault.retryable) == (Reason.MEDIA_CORRUPT, False)
        assert failed.fault is not None
        assert (failed.fault.reason, failed.fault.retryable) == (Reason.INTERNAL, True)
        assert "engine" not in failed.fault.message  # what it was stands in the log
    together, *alone = batches(notes)
    assert sorted(together) == [1, 2, 4]
    assert sorted(alone) == [[1], [2], [4]]


@pytest.mark.parametrize(("mood", "reason"), [(CRASHES, Reason.WORKER_CRASHED), (HANGS, Reason.WORKER_TIMEOUT)])
async def test_a_page_that_kills_the_child_is_alone_with_it(
    tmp_path: Path, notes: Path, mood: int, reason: Reason
) -> None:
    """A crash or a hang ends the batch; its pages are read again one by one, and only the culprit fails."""
    timeouts = Timeouts(page=1.5)
    async with counting(tmp_path, notes, options=PATIENT, timeouts=timeouts) as mill, _nothing_is_left(mill):
        jobs = await pages_of(mill, sheet(tmp_path / "a.tiff", 1, 2, 3), 1, 2, 3)
        jobs[1:1] = await pages_of(mill, sheet(tmp_path / "bad.png", 9, mood=mood), 1, run="run2")
        first, culprit, *others = await mill.work(*jobs)
        assert [(await mill.text(result)).text for result in (first, *others)] == ["shade1", "shade2", "shade3"]
        assert culprit.fault is not None
        assert (culprit.fault.reason, culprit.fault.retryable) == (reason, True)
    together, *alone = batches(notes)
    assert sorted(together) == [1, 2, 3, 9]
    assert sorted(alone) == [[1], [2], [3], [9]]


async def test_cancelling_one_run_of_a_batch(tmp_path: Path, notes: Path) -> None:
    """The child is killed when the cancelled page takes too long, and the pages of other runs are read all the same."""
    options = {**PATIENT, "cancel_patience": 0.2}
    async with counting(tmp_path, notes, options=options) as mill, _nothing_is_left(mill):
        jobs = await pages_of(mill, sheet(tmp_path / "a.tiff", 1, 2, 3), 1, 2, 3)
        jobs += await pages_of(mill, sheet(tmp_path / "slow.png", 9, mood=HANGS), 1, run="run2")
        await mill.bus.publish_jobs(jobs)
        await until((notes / "batches.jsonl").exists)
        began = time.monotonic()
        await mill.cancel("run2")
        results = await mill.results(3)
        assert time.monotonic() - began < 20  # 60 if the child was not killed
        assert {result.run_id for result in results.values()} == {"run1"}
        assert {(await mill.text(result)).text for result in results.values()} == {"shade1", "shade2", "shade3"}
    assert [len(shades) for shades in batches(notes)] == [4, 1, 1, 1]
    assert [9] not in batches(notes)


async def test_what_is_not_wanted_is_not_in_the_batch(tmp_path: Path, notes: Path) -> None:
    """The services are asked about each page before it begins; without the unwanted one the others are read."""
    async with counting(tmp_path, notes, options={"batch_window": 0.5}) as mill, _nothing_is_left(mill):
        jobs = await pages_of(mill, sheet(tmp_path / "a.tiff", 1, 2, 3), 1, 2, 3)
        mill.unwanted.add(jobs[1].job_id)
        await mill.bus.publish_jobs(jobs)
        results = await mill.results(2)
        assert sorted(result.page for result in results.values()) == [1, 3]
    assert not any(2 in shades for shades in batches(notes))


async def test_a_stopped_worker_gives_a_batch_back(tmp_path: Path, notes: Path) -> None:
    """When the grace is over, the pages of a batch that does not end go to other workers, as do those behind it."""
    async with counting(tmp_path, notes, options={**PATIENT, "grace": 0.2}) as mill:
        jobs = await pages_of(mill, sheet(tmp_path / "a.tiff", 1, 2, 3, 4, 5, mood=HANGS), 1, 2, 3, 4, 5)
        await mill.bus.publish_jobs(jobs)
        await until((notes / "batches.jsonl").exists)
        mill.stop.set()
        assert mill.life is not None
        await mill.life
        async with mill.bus.jobs() as source:
            given_back: list[int] = []
            while len(given_back) < 5:
                deliveries = await source.fetch(5, 1)
                assert deliveries
                given_back += [delivery.job.page for delivery in deliveries]
    assert sorted(given_back) == [1, 2, 3, 4, 5]


def test_the_default_engine_reads_page_by_page() -> None:
    """On a CPU nothing is gained: no page waits for company, and no more than one picture is in memory."""
    assert PageReader("paddle").batch_size == 1


def test_a_batch_reads_like_its_pages(tmp_path: Path) -> None:
    """Pages of several documents read at once are, word for word and box for box, what they are alone."""
    documents.image_file(tmp_path / "a.png")
    documents.scanned_pdf(tmp_path / "b.pdf")
    documents.turned_jpeg(tmp_path / "c.jpg", 6)
    upright, _ = documents.draw_page()
    documents.image_file(tmp_path / "d.png", upright.rotate(180))
    paths = [("a.png", "image/png"), ("b.pdf", "application/pdf"), ("c.jpg", "image/jpeg"), ("d.png", "image/png")]
    reader = PageReader("paddle")
    alone, pictures = [], []
    for name, media_type in paths:
        with open_document(tmp_path / name, media_type) as document:
            alone.append(reader.read(document, 1, {}).page)
            picture = reader.look(document, 1, {})
        assert isinstance(picture, Picture)
        pictures.append(picture)
    assert [read.page for read in reader.read_pictures(pictures)] == alone
    assert all(page.words for page in alone)
