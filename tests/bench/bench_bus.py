"""How fast the bus is: `python -m tests.bench.bench_bus`. A real nats-server, services and one worker on two connections.

Prints no-op jobs per second from publish to ack, for batches, and the time of one job alone.
"""
# ruff: noqa: T201 - it prints its figures

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from docmill.bus import Publication
from docmill.bus.nats import NatsBus
from docmill.bus.server import NatsServer
from docmill.domain.messages import JobMessage, JobResult
from docmill.domain.models import JobKind

if TYPE_CHECKING:
    from docmill.bus import ResultSource

JOBS = 20_000
ALONE = 1_000


def job(number: int) -> JobMessage:
    """A page job as dispatch makes it."""
    return JobMessage(
        job_id=f"job_{number:026}",
        attempt=1,
        kind=JobKind.PAGE,
        org_id="org_01HZZZZZZZZZZZZZZZZZZZZZZZ",
        run_id=f"run_{number // 50:026}",
        document_id="doc_01HZZZZZZZZZZZZZZZZZZZZZZZ",
        blob_key="documents/org_01HZZZZZZZZZZZZZZZZZZZZZZZ/doc_01HZZZZZZZZZZZZZZZZZZZZZZZ",
        sha256="ab" * 32,
        media_type="application/pdf",
        filename="invoice.pdf",
        page=number % 50 + 1,
        read={"engine": "auto", "languages": ["en"]},
    )


def result(done: JobMessage) -> JobResult:
    """What a worker says of it."""
    return JobResult(
        job_id=done.job_id, attempt=1, kind=done.kind, org_id=done.org_id, run_id=done.run_id, page=done.page
    )


async def publish(bus: NatsBus, first: int, count: int, batch: int) -> None:
    """Publish in batches."""
    for start in range(first, first + count, batch):
        publications = await bus.publish_jobs([job(n) for n in range(start, min(start + batch, first + count))])
        assert all(word is Publication.TAKEN for word in publications)


async def work(bus: NatsBus, count: int, batch: int) -> None:
    """Fetch and ack."""
    async with bus.jobs() as source:
        while count:
            for delivery in await source.fetch(batch, 5):
                await delivery.ack()
                count -= 1


async def throughput(services: NatsBus, worker: NatsBus, first: int, batch: int) -> float:
    """Jobs per second, publisher and worker at the same time."""
    began = time.perf_counter()
    await asyncio.gather(publish(services, first, JOBS, batch), work(worker, JOBS, batch))
    return JOBS / (time.perf_counter() - began)


async def alone(services: NatsBus, worker: NatsBus, first: int) -> list[float]:
    """Milliseconds of single jobs from publish to the result in the services' hands."""

    async def answer() -> None:
        async with worker.jobs() as source:
            for _ in range(ALONE):
                for delivery in await source.fetch(1, 5):
                    await worker.publish_result(result(delivery.job))
                    await delivery.ack()

    async def one(number: int, source: ResultSource) -> float:
        began = time.perf_counter()
        await services.publish_jobs([job(number)])
        [delivery] = await source.fetch(1, 5)
        took = time.perf_counter() - began
        await delivery.ack()
        return took * 1000

    answering = asyncio.create_task(answer())
    async with services.results() as source:
        times = [await one(first + n, source) for n in range(ALONE)]
    await answering
    return times


async def main() -> None:
    """Run all."""
    with tempfile.TemporaryDirectory() as folder:
        server = NatsServer(Path(folder))
        services = await NatsBus.connect(await server.start())
        worker = await NatsBus.connect(server.url)
        try:
            for number, batch in enumerate((16, 64, 256)):
                rate = await throughput(services, worker, number * JOBS, batch)
                print(f"publish -> fetch -> ack, batches of {batch:3}: {rate:8,.0f} jobs/s")
            times = await alone(services, worker, 1_000_000)
            p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
            print(f"publish -> fetch -> result -> fetch, one at a time: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
        finally:
            await worker.aclose()
            await services.aclose()
            await server.kill()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
