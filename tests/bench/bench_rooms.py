"""The rooms alone, in short: each has a bench of its own that tells more (bench_store, bench_bus, bench_worker)."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from docmill.bus.nats import NatsBus
from docmill.bus.server import NatsServer
from docmill.store.sql import open_store
from docmill.store.sql.migrate import migrate
from tests.bench import bench_bus, bench_store, bench_worker
from tests.bench._figures import Figure, spread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_JOBS = 3000


def measure() -> list[Figure]:
    """The figures."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite://{folder}/docmill.db"
        migrate(url)
        return uvloop.run(_measure(url))


async def _measure(url: str) -> list[Figure]:
    return [*await _store(url), *await _bus(), await _worker()]


async def _store(url: str) -> list[Figure]:
    store = await open_store(url)
    try:
        await store.write(bench_store.seed)
        rates = {
            tasks: await bench_store.rate(tasks, lambda n: store.write(lambda: bench_store.page_done(n)))
            for tasks in (1, 64)
        }
    finally:
        await store.aclose()
    return [
        Figure(what=f"Record: durable page results in SQLite, {tasks} at a time", measured=" ".join(rate.split()))
        for tasks, rate in rates.items()
    ]


async def _bus() -> list[Figure]:
    async with _nats() as (services, worker):
        rate = await bench_bus.throughput(services, worker, 0, 64)
        alone = await bench_bus.alone(services, worker, 1_000_000)
    return [
        Figure(what="Bus: publish, fetch, ack in batches of 64", measured=f"{rate:,.0f} jobs/s"),
        Figure(what="Bus: one job, publish to result in the services' hands", measured=spread(alone)),
    ]


async def _worker() -> Figure:
    async with _nats() as (bus, _):
        rate = await bench_worker.noop(bus, _JOBS, slots=16)
    return Figure(what="Worker: no-op jobs waiting on NATS, 16 slots", measured=f"{rate:,.0f} jobs/s")


@asynccontextmanager
async def _nats() -> AsyncIterator[tuple[NatsBus, NatsBus]]:
    """A server of its own and two connections to it."""
    with tempfile.TemporaryDirectory() as folder:
        server = NatsServer(Path(folder))
        buses = [await NatsBus.connect(url) for url in [await server.start()] * 2]
        try:
            yield buses[0], buses[1]
        finally:
            await asyncio.gather(*(bus.aclose() for bus in buses))
            await server.stop()
