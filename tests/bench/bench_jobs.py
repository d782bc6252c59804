"""Jobs that do nothing through the whole durable path: RunFlow, SQL, NATS, worker, result, SQL, event, watcher."""

from __future__ import annotations

import asyncio
import time

import uvloop

from tests.bench._figures import Figure, spread
from tests.bench._noop import durable_path

_PAGES = 100
_RUNS = 80
_AT_ONCE = 16
_BAR = 1000


def measure() -> list[Figure]:
    """The figures."""
    return uvloop.run(_measure())


async def _measure() -> list[Figure]:
    async with durable_path(pages=_PAGES) as path:
        api = path.api
        document = await api.upload(b"%PDF-1.7 nobody reads this")
        await api.finish(document)
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one() -> float:
            async with turns:
                return (await api.finish(document)).accepted_ms

        began = time.perf_counter()
        accepted = await asyncio.gather(*(one() for _ in range(_RUNS)))
        rate = _RUNS * _PAGES / (time.perf_counter() - began)
    return [
        Figure(
            what=f"No-op page jobs through the whole durable path ({_AT_ONCE} runs of {_PAGES} pages at a time)",
            bar=f">= {_BAR:,}/s",
            measured=f"{rate:,.0f}/s",
            met=rate >= _BAR,
        ),
        Figure(what="RunFlow accepted meanwhile", measured=spread(accepted)),
    ]
