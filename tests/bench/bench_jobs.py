"""Jobs that do nothing through the whole durable path: RunFlow, SQL, NATS, worker, result, SQL, event, watcher."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import TYPE_CHECKING

import uvloop

from docmill.v1 import runs_pb2
from tests.bench._figures import Figure, rates, spread
from tests.bench._noop import durable_path
from tests.bench._stack import cpu_seconds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.bench._stack import Api

_PAGES = 100
_RUNS = 80
_AT_ONCE = 16
_ROUNDS = 3
_SLOTS = 16  # of a small fleet: with two, the worker's own waiting would be measured
_BAR = 1000
_POLL_SECONDS = 0.1


def measure() -> list[Figure]:
    """The figures."""
    return uvloop.run(_measure())


async def _measure() -> list[Figure]:
    accepted: list[float] = []
    async with durable_path(pages=_PAGES, slots=_SLOTS) as path:
        document = await path.api.upload(b"%PDF-1.7 nobody reads this")
        await path.api.finish(document)

        async def watched() -> None:
            accepted.append((await path.api.finish(document)).accepted_ms)

        pids = {"services": path.services_pid, "worker": path.worker_pid}
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        seen = [await _rate(watched) for _ in range(_ROUNDS)]
        pages = _ROUNDS * _RUNS * _PAGES
        spent = {name: (cpu_seconds(pid) - before[name]) / pages * 1e6 for name, pid in pids.items()}
        unseen = [await _rate(lambda: _unwatched(path.api, document)) for _ in range(_ROUNDS)]
    return [
        Figure(
            what=f"No-op page jobs through the whole durable path ({_AT_ONCE} runs of {_PAGES} pages at a time, watched)",
            bar=f">= {_BAR:,}/s",
            measured=rates(seen, "/s"),
            met=statistics.median(seen) >= _BAR,
        ),
        Figure(what="The same, nobody watching", measured=rates(unseen, "/s")),
        Figure(
            what="Processor time of a watched no-op page",
            measured=", ".join(f"{name} {microseconds:.0f} us" for name, microseconds in spent.items()),
        ),
        Figure(what="RunFlow accepted meanwhile, everything saturated", measured=spread(accepted)),
    ]


async def _rate(one: Callable[[], Awaitable[None]]) -> float:
    """Pages a second over a round of runs."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def in_turn() -> None:
        async with turns:
            await one()

    began = time.perf_counter()
    await asyncio.gather(*(in_turn() for _ in range(_RUNS)))
    return _RUNS * _PAGES / (time.perf_counter() - began)


async def _unwatched(api: Api, document: str) -> None:
    run_id = await api.start(document)
    while (await api.get(run_id)).status in {runs_pb2.RUN_STATUS_QUEUED, runs_pb2.RUN_STATUS_RUNNING}:  # noqa: ASYNC110 - nobody tells a caller who does not watch
        await asyncio.sleep(_POLL_SECONDS)
