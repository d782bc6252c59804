"""Operations a second of the record on both databases, durable: `python -m tests.bench.bench_store`.

One write is what a page's result costs: a guarded update of a job, the run's counters, and one event. One read is a
watcher's: the events after a number.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import uvloop

from docmill.store import Many, Op, Statement
from docmill.store.sql import open_store
from docmill.store.sql.migrate import migrate
from tests.fixtures._postgres import postgres

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from docmill.store import Store

_SECONDS = 3.0
_RUNS = 64


def seed() -> Op[None]:
    """Runs with a job each."""
    yield Statement(
        "INSERT INTO documents (id, org_id, mode, filename, sha256, size, blob_key, created_at, probe) "
        "VALUES ('doc', 'org', 'live', 'a.pdf', '', 1, 'k', 0, 'READY')"
    )
    yield Many(
        "INSERT INTO runs (id, org_id, mode, flow_id, flow_version, document_id, state, priority, created_at) "
        "VALUES ($1, 'org', 'live', 'flow', '1.0.0', 'doc', 'RUNNING', 1, 0)",
        [(f"run{n}",) for n in range(_RUNS)],
    )
    yield Many(
        "INSERT INTO jobs (id, kind, org_id, run_id, document_id, page, state, priority, ready_at, created_at) "
        "VALUES ($1, 'PAGE', 'org', $2, 'doc', 1, 'PUBLISHED', 1, 0, 0)",
        [(f"job{n}", f"run{n}") for n in range(_RUNS)],
    )


def page_done(n: int) -> Op[int]:
    """A page's result comes in (and is published again, so that it can come in again)."""
    yield Statement(
        "UPDATE jobs SET attempt = attempt + 1, words = 120, duration_ms = 80 "
        "WHERE id = $1 AND state = 'PUBLISHED' RETURNING id",
        (f"job{n}",),
    )
    rows = yield Statement(
        "UPDATE runs SET last_sequence = last_sequence + 1, pages_done = pages_done + 1 WHERE id = $1 "
        "RETURNING last_sequence",
        (f"run{n}",),
    )
    sequence: int = rows[0][0]
    yield Statement(
        "INSERT INTO run_events (run_id, sequence, kind, at, payload) VALUES ($1, $2, 'page.done', 0, $3)",
        (f"run{n}", sequence, '{"page":1,"words":120,"confidence":0.97}'),
    )
    return sequence


def events(n: int) -> Op[int]:
    """The first events of a run."""
    rows = yield Statement(
        "SELECT sequence, kind, at, payload FROM run_events WHERE run_id = $1 AND sequence > $2 "
        "ORDER BY sequence LIMIT 10",
        (f"run{n}", 0),
    )
    return len(rows)


async def rate(concurrency: int, once: Callable[[int], Awaitable[object]]) -> str:
    """Call `once` from that many tasks for a while."""
    took: list[float] = []
    start = time.perf_counter()

    async def task(n: int) -> None:
        while (begun := time.perf_counter()) < start + _SECONDS:
            await once(n)
            took.append(time.perf_counter() - begun)

    await asyncio.gather(*(task(n) for n in range(concurrency)))
    elapsed = time.perf_counter() - start
    cuts = statistics.quantiles(took, n=100)
    return f"{len(took) / elapsed:9,.0f}/s   p50 {cuts[49] * 1e3:6.2f} ms   p99 {cuts[98] * 1e3:6.2f} ms"


async def measure(name: str, store: Store) -> None:
    """Print a line for each kind of operation and concurrency."""
    await store.write(seed)
    for concurrency in (1, 64):
        written = await rate(concurrency, lambda n: store.write(lambda: page_done(n)))
        sys.stdout.write(f"{name:9} write x{concurrency:<3} {written}\n")
    for concurrency in (1, 64):
        read = await rate(concurrency, lambda n: store.read(lambda: events(n)))
        sys.stdout.write(f"{name:9} read  x{concurrency:<3} {read}\n")
    await store.aclose()


async def main() -> None:
    """Both databases, one after the other."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        urls = {"sqlite": f"sqlite://{folder}/docmill.db", "postgres": stack.enter_context(postgres(durable=True))}
        for name, url in urls.items():
            migrate(url)
            await measure(name, await open_store(url))


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
