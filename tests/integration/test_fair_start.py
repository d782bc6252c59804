"""The order in which work starts when one organization floods and another has a single page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from docmill.blobs.memory import MemoryBlobStore
from docmill.domain.messages import DocumentFacts, JobMessage, PageFacts, ProbeFacts
from docmill.domain.models import Caller, JobKind, PageSize, RunEvent
from docmill.domain.pages import Unit
from docmill.engine import Engine, RunRequest
from docmill.engine.context import Context
from docmill.store.sql import open_store
from docmill.worker.executor import ChildSpec, Executor
from docmill.worker.handlers import Ask, Outcome
from docmill.worker.loop import Worker
from docmill.worker.options import WorkerOptions
from tests.fixtures.bus import ACK_WAIT, BusHarness
from tests.fixtures.engine import CALLER, QUICK
from tests.fixtures.worker_house import House, open_house, until

PAGES = 40
A4 = PageSize(width=595.0, height=842.0, unit=Unit.POINT)
OTHER = replace(CALLER, org_id="org_2", key_id="key_2")


class Marking:
    """Pages leave a file when a child begins them, and are read once the test lets them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.go_on = folder.parent / "go-on"
        self.read: list[str] = []
        """Organizations whose pages were read, in order; with one slot, that in which they began."""

    async def handle(self, job: JobMessage, ask: Ask) -> Outcome:
        """As its kind wants; a document of the flood has many pages, the other one has one."""
        if job.kind is JobKind.PROBE:
            return Outcome(
                probe=ProbeFacts(media_type="application/pdf", pages=(A4,) * (PAGES if job.org_id == "org_1" else 1))
            )
        if job.kind is JobKind.DOCUMENT:
            return Outcome(document=DocumentFacts(output_key="output"))
        began = self.folder / f"{job.org_id}-{job.page}"
        await ask({"do": "echo", "touch": str(began), "until": str(self.go_on)}, seconds=20)
        self.read.append(job.org_id)
        return Outcome(page_facts=PageFacts(page_key="page", engine="none", confidence=1.0, words=1))

    def begun(self) -> list[str]:
        """Organizations whose pages have begun."""
        return [path.name.partition("-")[0] for path in self.folder.iterdir()]


@asynccontextmanager
async def mill(buses: BusHarness, url: str, marking: Marking) -> AsyncIterator[tuple[Engine, Worker]]:
    """Services, and a worker with one slot."""
    async with AsyncExitStack() as stack:
        store = await open_store(url)
        stack.push_async_callback(store.aclose)
        engine = Engine(Context(store=store, blobs=MemoryBlobStore(), bus=await buses.connect(), options=QUICK))
        await engine.prepare()
        executor = Executor(ChildSpec(module="tests.fixtures.unruly_child"))
        stack.push_async_callback(executor.aclose)
        await executor.start()
        worker = Worker(
            bus=await buses.connect(),
            handlers=dict.fromkeys(JobKind, marking),
            executors=[executor],
            options=WorkerOptions(worker_id="one", ack_wait=ACK_WAIT, beat_every=0.05, fetch_timeout=0.1),
        )
        stop = asyncio.Event()
        lives = [asyncio.create_task(engine.serve()), asyncio.create_task(worker.run(stop))]
        try:
            yield engine, worker
        finally:
            marking.go_on.touch()
            stop.set()
            await lives[1]
            lives[0].cancel()
            await asyncio.gather(lives[0], return_exceptions=True)


async def end_of(engine: Engine, caller: Caller, run_id: str) -> str:
    """The kind of the run's last event."""
    async with asyncio.timeout(30):
        events = [item async for item in engine.watch_run(caller, run_id) if isinstance(item, RunEvent)]
    return events[-1].kind


async def test_the_single_page_starts_next(buses: BusHarness, sqlite_url: str, tmp_path: Path) -> None:
    """With one slot, at work on a flood that fills the bus and the worker's hands, another's page passes all that waits."""
    folder = tmp_path / "begun"
    folder.mkdir()
    marking = Marking(folder)
    request = RunRequest(flow_id="document-text", content=b"%PDF")
    async with mill(buses, sqlite_url, marking) as (engine, worker):
        flood = await engine.run_flow(CALLER, request)
        waiting = worker._turns._slots._waiting
        await until(lambda: marking.begun() == ["org_1"] and len(waiting[1]) > 0)
        single = await engine.run_flow(OTHER, request)
        await until(lambda: any(waiter.job.org_id == OTHER.org_id for waiter in waiting[0]))
        marking.go_on.touch()
        assert await end_of(engine, OTHER, single.id) == "run.succeeded"
        assert await end_of(engine, CALLER, flood.id) == "run.succeeded"
    assert len(marking.read) == PAGES + 1
    assert marking.read[:2] == ["org_1", "org_2"]  # the page at work, and the single one


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """An empty one."""
    async with open_house(tmp_path) as house:
        yield house


async def test_a_document_is_done_while_every_slot_reads(house: House, tmp_path: Path) -> None:
    """A job that is no page has a child of its own, and ends before the page that began earlier."""
    go_on = tmp_path / "go-on"
    await house.worker(slots=1, quick=1)
    await house.page(1, until=str(go_on))
    await until(lambda: house.begun() == {"run1-1"})
    await house.page(2, kind=JobKind.DOCUMENT)
    await until(lambda: [result.page for result in house.results] == [2])
    go_on.touch()
    await until(lambda: len(house.results) == 2)


async def test_a_worker_takes_express_jobs_beyond_its_prefetch(house: House, tmp_path: Path) -> None:
    """Whatever it holds of the normal lane, an express job is in its hands at once."""
    go_on = tmp_path / "go-on"
    await house.worker(slots=1)
    for number in range(1, 10):
        await house.page(number, until=str(go_on))
    await until(lambda: len(house.holding()) == 2)
    await house.page(1, run="run2", express=True)
    await until(lambda: "run2-1" in house.holding())
    go_on.touch()
    await until(lambda: len(house.results) == 10)
