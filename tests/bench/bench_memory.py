"""Resident memory of the services over a thousand runs, after those that fill caches and the allocator's pools."""

from __future__ import annotations

import asyncio
import statistics

import uvloop

from tests.bench._figures import Figure
from tests.bench._noop import durable_path
from tests.bench._stack import resident_mb

_WARM_UP = 4000  # runs; the size creeps by 6 MB meanwhile and is level afterwards, however many follow
_RUNS = 1000
_AT_ONCE = 10
_PRINT_EVERY = 500
_PAGES = 5
_BAR_MB = 2.0  # what the allocator and SQLite's page caches move by anyway


def measure() -> list[Figure]:
    """The figures."""
    return uvloop.run(_measure())


async def _measure() -> list[Figure]:
    content = b"%PDF-1.7 nobody reads this" * 4000
    sizes = []
    async with durable_path(pages=_PAGES) as path:
        for _ in range((_WARM_UP + _RUNS) // _AT_ONCE):
            await asyncio.gather(*(path.api.finish(content) for _ in range(_AT_ONCE)))
            sizes.append(resident_mb(path.services_pid))
    later = sizes[_WARM_UP // _AT_ONCE :]
    growth = statistics.linear_regression(range(len(later)), later).slope * len(later)
    step = _PRINT_EVERY // _AT_ONCE
    shown = [statistics.median(sizes[start : start + step]) for start in range(0, len(sizes), step)]
    return [
        Figure(
            what=f"Memory of the services: growth over {_RUNS:,} runs, after {_WARM_UP:,}",
            bar=f"<= {_BAR_MB:.0f} MB",
            measured=f"{growth:+.1f} MB (every {_PRINT_EVERY} runs: {', '.join(f'{size:.0f}' for size in shown)})",
            met=growth <= _BAR_MB,
        )
    ]
