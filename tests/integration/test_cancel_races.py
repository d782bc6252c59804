"""No page of a cancelled run starts, however its jobs and the word of its end overtake each other.

The engine on a real store, real workers with real child processes, and every bus; the order of things is forced.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from docmill.blobs.memory import MemoryBlobStore
from docmill.bus import Bus, JobDelivery, Publication
from docmill.domain.messages import Beat, DocumentFacts, JobMessage, PageFacts, ProbeFacts
from docmill.domain.models import JobKind, PageSize, RunEvent
from docmill.domain.pages import Unit
from docmill.domain.states import RunState
from docmill.engine import Engine, RunRequest
from docmill.engine.context import Context
from docmill.store.sql import open_store
from docmill.worker.executor import ChildSpec, Executor
from docmill.worker.handlers import Ask, Outcome
from docmill.worker.loop import Worker
from docmill.worker.options import WorkerOptions
from tests.fixtures.bus import ACK_WAIT, BusHarness, both_lanes
from tests.fixtures.engine import CALLER, QUICK, done
from tests.fixtures.worker_house import until

PAGES = 3
A4 = PageSize(width=595.0, height=842.0, unit=Unit.POINT)


class HeldBus:
    """A bus on which jobs can be kept from being published, as if the services were slow just then."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.held: list[JobMessage] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    async def publish_jobs(self, jobs: Sequence[JobMessage]) -> Sequence[Publication]:
        if not self.go_on.is_set():
            self.held += jobs
            await self.go_on.wait()
        return await self._bus.publish_jobs(jobs)


class Marking:
    """Pages leave a file when a child begins them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle(self, job: JobMessage, ask: Ask) -> Outcome:
        if job.kind is JobKind.PROBE:
            return Outcome(probe=ProbeFacts(media_type="application/pdf", pages=(A4,) * PAGES))
        if job.kind is JobKind.DOCUMENT:
            return Outcome(document=DocumentFacts(output_key="output"))
        await ask({"do": "echo", "touch": str(self._folder / job.run_id)}, seconds=20)
        return Outcome(page_facts=PageFacts(page_key="page", engine="none", confidence=1.0, words=1))


class Mill:
    """Services that serve, and workers to be started when the test wants them."""

    def __init__(self, engine: Engine, bus: HeldBus, buses: BusHarness, stack: AsyncExitStack, folder: Path) -> None:
        self.engine = engine
        self.bus = bus
        self._buses = buses
        self._stack = stack
        self._folder = folder

    async def run(self) -> str:
        """The id of a run of three pages, whose document is not looked at yet."""
        return (await self.engine.run_flow(CALLER, RunRequest(flow_id="document-text", content=b"%PDF"))).id

    async def take(self, count: int) -> list[JobDelivery]:
        """Jobs in the hands of a worker that will never be heard of again."""
        gone = await self._buses.connect()
        await gone.publish_beat(Beat(worker_id="gone", slots=8))
        found: list[JobDelivery] = []
        async with both_lanes(gone) as source, asyncio.timeout(10):
            while len(found) < count:
                found += await source.fetch(count - len(found), 1.0)
        return found

    async def answer(self, delivery: JobDelivery) -> None:
        """What a worker says of the job."""
        await self.engine.ctx.bus.publish_result(done(delivery.job, pages=PAGES))
        await delivery.ack()

    async def start_worker(self) -> None:
        """A worker that was not there before."""
        executor = Executor(ChildSpec(module="tests.fixtures.unruly_child"))
        self._stack.push_async_callback(executor.aclose)
        await executor.start()
        worker = Worker(
            bus=await self._buses.connect(),
            handlers=dict.fromkeys(JobKind, Marking(self._folder)),
            executors=[executor],
            options=WorkerOptions(worker_id="new", ack_wait=ACK_WAIT, beat_every=0.05, fetch_timeout=0.1),
        )
        stop = asyncio.Event()
        life = asyncio.create_task(worker.run(stop))
        self._stack.push_async_callback(_end, life, stop)

    async def finish(self, run_id: str) -> None:
        """Wait for the run's last event."""
        async with asyncio.timeout(20):
            async for item in self.engine.watch_run(CALLER, run_id):
                if isinstance(item, RunEvent) and item.kind.is_terminal:
                    return

    def begun(self) -> set[str]:
        """Runs of which a child has begun a page."""
        return {path.name for path in self._folder.iterdir()}


async def _end(life: asyncio.Task[None], stop: asyncio.Event) -> None:
    stop.set()
    await life


@asynccontextmanager
async def _loops(engine: Engine) -> AsyncIterator[None]:
    await engine.prepare()
    serving = asyncio.create_task(engine.serve())
    try:
        yield
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@pytest.fixture
async def mill(buses: BusHarness, sqlite_url: str, tmp_path: Path) -> AsyncIterator[Mill]:
    """Services without a worker."""
    folder = tmp_path / "begun"
    folder.mkdir()
    bus: Any = HeldBus(await buses.connect())
    async with AsyncExitStack() as stack:
        store = await open_store(sqlite_url)
        stack.push_async_callback(store.aclose)
        engine = Engine(Context(store=store, blobs=MemoryBlobStore(), bus=bus, options=QUICK))
        await stack.enter_async_context(_loops(engine))
        yield Mill(engine, bus, buses, stack, folder)


async def test_pages_published_after_the_cancel(mill: Mill) -> None:
    """Claimed before the cancel, published after all word of it, taken by a worker that came later: none begins."""
    submitting = asyncio.create_task(mill.run())
    (probe,) = await mill.take(1)
    mill.bus.go_on.clear()
    await mill.answer(probe)
    run_id = await submitting
    await until(lambda: sum(job.kind is JobKind.PAGE for job in mill.bus.held) == PAGES)
    cancelled = await mill.engine.cancel_run(CALLER, run_id)
    assert cancelled.state is RunState.CANCELLED
    mill.bus.go_on.set()
    await mill.start_worker()
    other = await mill.run()
    await mill.finish(other)
    assert mill.begun() == {other}
    assert await _left(mill) == []


async def test_pages_that_a_dead_worker_held(mill: Mill) -> None:
    """In the hands of a worker that dies with the cancel, they come to another one that never heard of it: none begins."""
    submitting = asyncio.create_task(mill.run())
    (probe,) = await mill.take(1)
    await mill.answer(probe)
    run_id = await submitting
    held = await mill.take(PAGES)
    assert {delivery.job.run_id for delivery in held} == {run_id}
    await mill.engine.cancel_run(CALLER, run_id)
    await mill.start_worker()
    other = await mill.run()
    await mill.finish(other)
    await asyncio.sleep(ACK_WAIT * 1.5)  # by now they were delivered again, if they will ever be
    await mill.finish(await mill.run())
    assert run_id not in mill.begun()
    assert await _left(mill) == []


async def _left(mill: Mill) -> list[str]:
    """Runs of which the bus still has jobs, some time after it delivered what nobody acknowledged again."""
    async with both_lanes(mill.bus) as source:
        return [delivery.job.run_id for delivery in await source.fetch(10, ACK_WAIT * 1.5)]
