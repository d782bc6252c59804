"""Resident memory of the services over a thousand runs, after as many that fill caches."""

from __future__ import annotations

import asyncio
import statistics

import uvloop

from tests.bench._figures import Figure
from tests.bench._noop import durable_path
from tests.bench._stack import resident_mb

_RUNS = 2000
_AT_ONCE = 10
_PRINT_EVERY = 200
_PAGES = 5
_BAR_MB = 2.0  # what the allocator and SQLite's page caches move by anyway


def measure() -> list[Figure]:
    """The figures."""
    return uvloop.run(_measure())


async def _measure() -> list[Figure]:
    content = b"%PDF-1.7 nobody reads this" * 4000
    sizes = []
    async with durable_path(pages=_PAGES) as path:
        for _ in range(_RUNS // _AT_ONCE):
            await asyncio.gather(*(path.api.finish(content) for _ in range(_AT_ONCE)))
            sizes.append(resident_mb(path.services_pid))
    later = sizes[len(sizes) // 2 :]
    growth = statistics.linear_regression(range(len(later)), later).slope * len(later)
    step = _PRINT_EVERY // _AT_ONCE
    shown = [statistics.median(sizes[start : start + step]) for start in range(0, len(sizes), step)]
    return [
        Figure(
            what=f"Memory of the services: growth over the second half of {_RUNS:,} runs",
            bar=f"<= {_BAR_MB:.0f} MB",
            measured=f"{growth:+.1f} MB (every {_PRINT_EVERY} runs: {', '.join(f'{size:.0f}' for size in shown)})",
            met=growth <= _BAR_MB,
        )
    ]
