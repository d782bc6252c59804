"""What a worker adds: no-op jobs a second through its loop, and the way of a request to a child and back.

Run: python -m tests.bench.bench_worker [JOBS]
"""

# ruff: noqa: T201 - it prints its figures

from __future__ import annotations

import asyncio
import hashlib
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog
import uvloop

from docmill.blobs.folder import FolderBlobStore
from docmill.bus.memory import MemoryBroker, MemoryBus
from docmill.bus.nats import NatsBus
from docmill.bus.server import NatsServer
from docmill.domain.messages import JobMessage, PageFacts
from docmill.domain.models import JobKind
from docmill.worker.executor import ChildSpec, Executor
from docmill.worker.handlers import Ask, Outcome
from docmill.worker.loop import Worker
from docmill.worker.main import WorkerSetup, serve_worker
from docmill.worker.options import WorkerOptions
from tests.fixtures import documents
from tests.fixtures.bus import all_wanted


class NoOp:
    """A job without work: what remains is the worker."""

    async def handle(self, job: JobMessage, ask: Ask) -> Outcome:
        """Facts at once."""
        return Outcome(page_facts=PageFacts(page_key="", engine="", confidence=1.0, words=0))


def _jobs(count: int) -> Sequence[JobMessage]:
    return [
        JobMessage(job_id=f"job{n}", attempt=1, kind=JobKind.PAGE, org_id="org", run_id="run", page=n)
        for n in range(count)
    ]


async def noop(bus: MemoryBus | NatsBus, jobs: int, slots: int) -> float:
    """Jobs a second that wait on the bus and are answered by one worker."""
    for start in range(0, jobs, 500):
        await bus.publish_jobs(_jobs(jobs)[start : start + 500])
    worker = Worker(
        bus=bus,
        handlers={JobKind.PAGE: NoOp()},
        executors=(),
        options=WorkerOptions(worker_id="bench", slots=slots),
    )
    stop = asyncio.Event()
    began = time.perf_counter()
    life = asyncio.create_task(worker.run(stop))
    async with bus.answering(all_wanted):
        while worker.stats.done.total() < jobs:  # noqa: ASYNC110 - the worker counts and tells nobody
            await asyncio.sleep(0.005)
    seconds = time.perf_counter() - began
    stop.set()
    await life
    return jobs / seconds


async def request(body: bytes, times: int) -> tuple[float, float]:
    """Milliseconds (median, 99th percentile) of a request to a child that answers at once."""
    executor = Executor(ChildSpec(module="tests.fixtures.unruly_child", recycle_after=times * 2))
    await executor.start()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await executor.call({"do": "noise" if not body else "echo"}, body, seconds=30)
        taken.append((time.perf_counter() - began) * 1000)
    await executor.aclose()
    return statistics.median(taken), statistics.quantiles(taken, n=100)[98]


async def pages(folder: Path, count: int, slots: int) -> tuple[float, float]:
    """Pages a second of a text PDF through a worker (folder blobs), and through a child alone, one after the other."""
    path = folder / "document.pdf"
    documents.text_pdf(path, pages=count, lines=[*documents.LINES] * 3)
    setup = WorkerSetup(
        options=WorkerOptions(worker_id="bench", slots=slots), cache_folder=folder / "cache", page_cache=False
    )
    alone = await _pages_alone(setup, path, count)
    blobs, bus = FolderBlobStore(folder / "blobs"), MemoryBus(MemoryBroker())
    await blobs.put("document", path.read_bytes())
    stop, ready = asyncio.Event(), asyncio.Event()
    life = asyncio.create_task(serve_worker(bus, blobs, setup, stop, ready=ready))
    await ready.wait()
    await asyncio.sleep(5)  # engines are loaded beside the first pages: not what is measured
    began = time.perf_counter()
    facts: dict[str, Any] = {"blob_key": "document", "media_type": "application/pdf"}
    facts["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    await bus.publish_jobs([replace(job, **facts) for job in _jobs(count + 1)[1:]])
    async with bus.answering(all_wanted), bus.results() as source:
        done = 0
        while done < count:
            for delivery in await source.fetch(100, 5):
                assert delivery.result.fault is None, delivery.result.fault
                done += 1
                await delivery.ack()
    seconds = time.perf_counter() - began
    stop.set()
    await life
    return count / seconds, alone


async def _pages_alone(setup: WorkerSetup, path: Path, count: int) -> float:
    executor = Executor(setup.child())
    await executor.start()
    await asyncio.sleep(5)
    request = {"do": "page", "path": str(path), "media_type": "application/pdf", "read": {}}
    began = time.perf_counter()
    for number in range(1, count + 1):
        await executor.call({**request, "page": number}, seconds=30)
    seconds = time.perf_counter() - began
    await executor.aclose()
    return count / seconds


async def main(jobs: int) -> None:
    """Print the figures."""
    for slots in (2, 16):
        bus = MemoryBus(MemoryBroker())
        print(f"no-op jobs, memory bus, {slots:2} slots: {await noop(bus, jobs, slots):8.0f} /s")
        await bus.aclose()
    for slots in (2, 16):
        with tempfile.TemporaryDirectory() as folder:
            server = NatsServer(Path(folder))
            await server.start()
            nats = await NatsBus.connect(server.url)
            print(f"no-op jobs, nats,       {slots:2} slots: {await noop(nats, jobs, slots):8.0f} /s")
            await nats.aclose()
            await server.stop()
    for slots in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            whole, alone = await pages(Path(folder), 200, slots)
            print(f"text pages, {slots} slot(s): {whole:.0f} /s, one child alone {alone:.0f} /s")
    for size in (1_000, 100_000, 10_000_000):
        median, p99 = await request(bytes(size), 50)
        print(f"request with {size:10,} bytes there and back: median {median:.2f} ms, p99 {p99:.2f} ms")


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000))
