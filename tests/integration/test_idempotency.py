"""Calls under one idempotency key make one run: in turn, at once, in several services."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from docmill.blobs.memory import MemoryBlobStore
from docmill.bus.memory import MemoryBroker, MemoryBus
from docmill.domain.credits import Balance
from docmill.domain.errors import AlreadyExists, NotFound, PaymentRequired, Reason
from docmill.domain.models import Caller, JobKind
from docmill.domain.states import RunState
from docmill.engine import Engine, RunFilter, RunRequest, expire
from docmill.engine.context import Context
from docmill.store import Op, Statement, Store, ledger
from docmill.store.sql import open_store
from tests.fixtures.engine import CALLER, LIVE, QUICK, Bench, done, lab_report
from tests.fixtures.ledger import check_books

REQUEST = RunRequest(flow_id="document-text", content=b"%PDF-1.7", variables={"a": 1}, idempotency_key="k")


def count(table: str) -> Op[int]:
    """Rows of a table."""
    rows = yield Statement(f"SELECT count(*) FROM {table}")
    return int(rows[0][0])


async def total(bench: Bench, caller: Caller = CALLER) -> int:
    """How many runs there are."""
    return (await bench.engine.list_runs(caller, RunFilter(), limit=1)).total


async def test_the_same_request_gives_the_same_run_as_it_is_now(bench: Bench) -> None:
    """Also once it has ended; and the document that came along is not kept a second time."""
    first = await bench.engine.run_flow(CALLER, REQUEST)
    ended = await bench.ended(first.id)
    again = await bench.engine.run_flow(CALLER, replace(REQUEST, version="latest", metadata={"try": 2}))
    assert again == ended
    assert await bench.engine.ctx.store.read(lambda: count("documents")) == 1
    assert await total(bench) == 1


async def test_failed_and_cancelled_runs_replay(bench: Bench) -> None:
    """A key stands for its run, whatever became of it."""
    bench.peer.answer = lambda job: done(job) if job.kind is JobKind.PROBE else None
    first = await bench.engine.run_flow(CALLER, REQUEST)
    await bench.engine.cancel_run(CALLER, first.id)
    again = await bench.engine.run_flow(CALLER, REQUEST)
    assert (again.id, again.state) == (first.id, RunState.CANCELLED)


@pytest.mark.parametrize(
    "change",
    [
        {"content": b"%PDF-1.7 another"},
        {"variables": {"a": 2}},
        {"version": "1.0.0"},
    ],
    ids=["document", "variables", "version"],
)
async def test_another_request_under_the_key_is_refused(bench: Bench, change: dict[str, object]) -> None:
    """With the run that the key made, and nothing is left of what came along."""
    first = await bench.engine.run_flow(CALLER, REQUEST)
    with pytest.raises(AlreadyExists) as refused:
        await bench.engine.run_flow(CALLER, replace(REQUEST, **change))
    assert refused.value.reason is Reason.IDEMPOTENCY_CONFLICT
    assert refused.value.details["runId"] == first.id
    assert await bench.engine.ctx.store.read(lambda: count("documents")) == 1


async def test_a_key_counts_for_one_organization_mode_and_flow(bench: Bench) -> None:
    """The same key elsewhere is another key."""
    await bench.grant(100)
    await bench.engine.create_flow(CALLER, lab_report("other", {"onPageFailure": "skip"}))
    runs = [
        await bench.engine.run_flow(CALLER, REQUEST),
        await bench.engine.run_flow(LIVE, REQUEST),
        await bench.engine.run_flow(replace(CALLER, org_id="org_2"), REQUEST),
        await bench.engine.run_flow(CALLER, replace(REQUEST, flow_id="other", variables={})),
        await bench.engine.run_flow(CALLER, replace(REQUEST, idempotency_key="l")),
        await bench.engine.run_flow(CALLER, replace(REQUEST, idempotency_key="")),
        await bench.engine.run_flow(CALLER, replace(REQUEST, idempotency_key="")),
    ]
    assert len({run.id for run in runs}) == len(runs)


async def test_a_refused_request_binds_nothing(bench: Bench) -> None:
    """Once there are credits, the same request under the same key makes its run."""
    with pytest.raises(PaymentRequired):
        await bench.engine.run_flow(LIVE, REQUEST)
    await bench.grant(3)
    run = await bench.engine.run_flow(LIVE, REQUEST)
    assert (await bench.engine.run_flow(LIVE, REQUEST)).id == run.id


async def test_a_key_is_free_again_after_a_day(store: Store) -> None:
    """24 hours from the run it made; expired keys are forgotten."""
    now = datetime(2026, 11, 21, tzinfo=UTC)
    bus = MemoryBus(MemoryBroker())
    engine = Engine(
        Context(
            store=store,
            blobs=MemoryBlobStore(),
            bus=bus,
            now=lambda: now,
            options=replace(QUICK, probe_wait=timedelta()),
        )
    )
    await engine.prepare()
    first = await engine.run_flow(CALLER, REQUEST)
    now += timedelta(hours=24)
    assert (await engine.run_flow(CALLER, REQUEST)).id == first.id
    now += timedelta(microseconds=1)
    second = await engine.run_flow(CALLER, replace(REQUEST, variables={"a": 2}))
    assert second.id != first.id
    assert await store.read(lambda: count("idempotency_keys")) == 1
    now += timedelta(hours=25)
    await expire.expire_once(engine.ctx)
    assert await store.read(lambda: count("idempotency_keys")) == 0
    await bus.aclose()


async def test_parallel_identical_requests_make_one_run(bench: Bench) -> None:
    """Of twenty at once all get the one run, it is billed once, and one document is kept."""
    await bench.grant(100)
    runs = await asyncio.gather(*(bench.engine.run_flow(LIVE, REQUEST) for _ in range(20)))
    (run_id,) = {run.id for run in runs}
    ended = await bench.ended(run_id, LIVE)
    store = bench.engine.ctx.store
    assert await total(bench, LIVE) == 1
    assert await store.read(lambda: ledger.balance(LIVE.org_id)) == Balance(available=97, used=3)
    assert await store.read(lambda: count("documents")) == 1
    for job in bench.peer.seen:
        if job.document_id != ended.document_id:
            with pytest.raises(NotFound):
                await bench.engine.get_document(LIVE, job.document_id)
    await store.read(check_books)


@pytest_asyncio.fixture
async def replicas(postgres_url: str) -> AsyncIterator[list[Engine]]:
    """Two services on one PostgreSQL, one bus and one blob store; nobody reads documents."""
    broker, blobs = MemoryBroker(), MemoryBlobStore()
    async with AsyncExitStack() as stack:
        engines = []
        for _ in range(2):
            store, bus = await open_store(postgres_url), MemoryBus(broker)
            stack.push_async_callback(store.aclose)
            stack.push_async_callback(bus.aclose)
            options = replace(QUICK, probe_wait=timedelta())
            engines.append(Engine(Context(store=store, blobs=blobs, bus=bus, options=options)))
        await engines[0].prepare()
        yield engines


async def test_replicas_make_one_run(replicas: list[Engine]) -> None:
    """Twenty identical requests, given to two services at once, make one run and hold its price once."""
    store = replicas[0].ctx.store
    await Bench(replicas[0], None).grant(20)  # type: ignore[arg-type]  # nobody answers
    runs = await asyncio.gather(*(replicas[number % 2].run_flow(LIVE, REQUEST) for number in range(20)))
    assert len({run.id for run in runs}) == 1
    assert (await replicas[1].list_runs(LIVE, RunFilter(), limit=1)).total == 1
    assert await store.read(lambda: ledger.balance(LIVE.org_id)) == Balance(available=19, reserved=1)
    assert await store.read(lambda: count("documents")) == 1
    await store.read(check_books)
