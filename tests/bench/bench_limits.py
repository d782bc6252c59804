"""What each request pays for its key and for the request budget: `python -m tests.bench limits`.

All calls are of one organization, so that all count on one row: nothing is harder. Real databases that wait for the
disk, the engine in this process; no gRPC around it.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvloop

from docmill.blobs.memory import MemoryBlobStore
from docmill.bus.memory import MemoryBroker, MemoryBus
from docmill.domain.models import Mode, Scope
from docmill.domain.plans import parse_plans
from docmill.engine import Engine
from docmill.engine.context import Context
from docmill.engine.operate import Operator
from docmill.store.sql import open_store
from docmill.store.sql.migrate import migrate
from tests.bench._figures import Figure, percentile
from tests.fixtures._postgres import postgres

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from docmill.store import Store

_CALLS = 2000
_PLANS = parse_plans(
    {
        "default": "bound",
        "fallback": "bound",
        "plans": {"bound": {"requestsPerMinute": 1_000_000}, "spent": {"requestsPerMinute": 1}, "free": {}},
    }
)


@dataclass(frozen=True, slots=True)
class Gate:
    """What a call meets before its use case."""

    engine: Engine
    keys: dict[str, str]
    """By plan."""

    async def authenticate(self, plan: str) -> None:
        """The key alone."""
        await self.engine.authenticate(self.keys[plan])

    async def pass_through(self, plan: str) -> None:
        """The key, and the budget."""
        await self.engine.take_budget(await self.engine.authenticate(self.keys[plan]))


def measure() -> list[Figure]:
    """The figures."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        urls = {"SQLite": f"sqlite://{folder}/docmill.db", "PostgreSQL": stack.enter_context(postgres(durable=True))}
        figures = []
        for name, url in urls.items():
            migrate(url)
            figures += uvloop.run(_measure(name, url))
        return figures


async def _measure(name: str, url: str) -> list[Figure]:
    store = await open_store(url)
    try:
        gate = await _gate(store)
        await gate.pass_through("spent")
        key = await _times(lambda: gate.authenticate("free"), 1)
        both = await _times(lambda: gate.pass_through("bound"), 1)
        refused = await _times(lambda: gate.pass_through("spent"), 1)
        more = statistics.median(both) - statistics.median(key)
        figures = [
            Figure(what=f"{name}: the key", measured=precisely(key)),
            Figure(what=f"{name}: key and budget", measured=precisely(both)),
            Figure(what=f"{name}: the budget alone", bar="2 ms", measured=f"{more:.2f} ms median", met=more < 2),
            Figure(what=f"{name}: a call that is refused", measured=precisely(refused)),
        ]
        for plan, what in (("free", "the key"), ("bound", "key and budget"), ("spent", "calls that are refused")):
            rate = await _rate(lambda plan=plan: gate.pass_through(plan), 16)
            figures.append(Figure(what=f"{name}: {what}, 16 at a time", measured=f"{rate:,.0f}/s"))
        return figures
    finally:
        await store.aclose()


async def _gate(store: Store) -> Gate:
    engine = Engine(Context(store=store, blobs=MemoryBlobStore(), bus=MemoryBus(MemoryBroker()), plans=_PLANS))
    operator = Operator(store, plans=_PLANS)
    keys = {}
    for plan in _PLANS.by_id:
        organization = await operator.create_organization(plan, plan)
        _, keys[plan] = await operator.create_key(organization.id, Mode.LIVE, "bench", frozenset(Scope))
    return Gate(engine, keys)


def precisely(milliseconds: list[float]) -> str:
    """Median and tail of what takes less than a millisecond."""
    return f"p50 {statistics.median(milliseconds):.2f} ms, p99 {percentile(milliseconds, 99):.2f} ms"


async def _rate(once: Callable[[], Awaitable[None]], tasks: int) -> float:
    """Calls a second."""
    began = time.perf_counter()
    return len(await _times(once, tasks)) / (time.perf_counter() - began)


async def _times(once: Callable[[], Awaitable[None]], tasks: int) -> list[float]:
    """Milliseconds of each call, so many at a time."""
    took: list[float] = []

    async def task() -> None:
        while len(took) < _CALLS:
            began = time.perf_counter()
            await once()
            took.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(task() for _ in range(tasks)))
    return took
