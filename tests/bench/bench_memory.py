"""Resident memory of the services over a thousand runs."""

from __future__ import annotations

import asyncio
import statistics

import uvloop

from tests.bench._figures import Figure
from tests.bench._noop import durable_path
from tests.bench._stack import resident_mb

_RUNS = 1000
_EVERY = 100
_PAGES = 5
_AT_ONCE = 10
_BAR_KB = 2.0  # a run: 2 MB over a thousand


def measure() -> list[Figure]:
    """The figures."""
    return uvloop.run(_measure())


async def _measure() -> list[Figure]:
    content = b"%PDF-1.7 nobody reads this" * 4000
    sizes = []
    async with durable_path(pages=_PAGES) as path:
        for _ in range(_RUNS // _EVERY):
            for _ in range(0, _EVERY, _AT_ONCE):
                await asyncio.gather(*(path.api.finish(content) for _ in range(_AT_ONCE)))
            sizes.append(resident_mb(path.services_pid))
    half = sizes[len(sizes) // 2 :]
    slope = statistics.linear_regression(range(len(half)), half).slope * 1000 / _EVERY
    return [
        Figure(
            what=f"Memory of the services over {_RUNS} runs (growth a run in the second half)",
            bar=f"<= {_BAR_KB:.0f} KB",
            measured=f"{slope:.1f} KB; MB after each {_EVERY}: {', '.join(f'{size:.0f}' for size in sizes)}",
            met=slope <= _BAR_KB,
        )
    ]
