"""Runs over their plan's limit wait in line, on both stores, with a worker at the other end of the bus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from docmill.domain.errors import Fault, LimitReached, Reason
from docmill.domain.messages import JobMessage, JobResult
from docmill.domain.models import EventKind, JobKind, Mode, Organization, Priority, Run
from docmill.domain.states import RunState
from docmill.engine import RunFilter, RunRequest
from docmill.engine.context import utc_now
from docmill.engine.limits import Limits
from docmill.store import Op, Statement, Store, accounts, line
from tests.fixtures.engine import CALLER, QUICK, Bench, done, failed, serving

LIVE = replace(CALLER, mode=Mode.LIVE)
WRONG = Fault(reason=Reason.MEDIA_CORRUPT, message="The page cannot be read")


class Gate:
    """A worker that answers pages only of the runs that the test lets go on."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._held: dict[str, list[JobMessage]] = {}
        bench.peer.answer = self._answer

    def _answer(self, job: JobMessage) -> JobResult | None:
        if job.kind is not JobKind.PAGE:
            return done(job, pages=1)
        self._held.setdefault(job.run_id, []).append(job)
        return None

    async def wait_for(self, *run_ids: str) -> None:
        """Until the pages of all these, and of no others, are in hand."""
        await until(lambda: set(run_ids) <= set(self._held))
        assert set(self._held) == set(run_ids)

    async def finish(self, run_id: str, fault: Fault | None = None) -> None:
        """Answer the run's page, and wait for the run's end."""
        for job in self._held.pop(run_id):
            await self._bench.peer.bus.publish_result(failed(job, fault) if fault else done(job))
        await self._bench.events(run_id)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that the loops bring about."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the peer's memory has no event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def small(store: Store, limits: Limits) -> AsyncIterator[Bench]:
    """An engine whose organization has a small plan."""
    organization = Organization(id=CALLER.org_id, name="Small", plan_id="small", created_at=utc_now())
    await store.write(lambda: accounts.create_organization(organization))
    options = replace(QUICK, poll=timedelta(milliseconds=50), sweep=timedelta(hours=1))
    async with serving(store, options, limits=lambda _, mode: limits if mode is Mode.TEST else Limits()) as bench:
        yield bench


@pytest_asyncio.fixture
async def one(store: Store) -> AsyncIterator[Bench]:
    """One run at a time, two may wait; nobody sweeps."""
    async with small(store, Limits(concurrent_runs=1, queue=2)) as bench:
        yield bench


async def start(bench: Bench, priority: Priority = Priority.STANDARD, timeout_s: float | None = None) -> Run:
    """An accepted run of one page."""
    request = RunRequest(flow_id="document-text", content=b"%PDF", priority=priority, timeout_s=timeout_s)
    return await bench.engine.run_flow(CALLER, request)


async def places(bench: Bench) -> dict[str, int | None]:
    """Places in the line, by run."""
    listed = await bench.engine.list_runs(CALLER, RunFilter(), limit=50)
    found = {run.id: run.queue_position for run in listed.items}
    for run_id, place in found.items():
        assert (await bench.engine.get_run(CALLER, run_id)).queue_position == place
    return found


async def test_runs_wait_and_start_in_order(one: Bench) -> None:
    """The first one works, the others are queued with their places, and each start makes room in the line."""
    gate = Gate(one)
    first, second, third = [await start(one) for _ in range(3)]
    assert (first.queue_position, second.queue_position, third.queue_position) == (None, 1, 2)
    assert first.admitted_at is not None
    assert second.admitted_at is None
    await gate.wait_for(first.id)
    assert await places(one) == {first.id: None, second.id: 1, third.id: 2}
    assert (await one.engine.list_pages(CALLER, second.id, limit=5)).items == []
    await gate.finish(first.id)
    await gate.wait_for(second.id)
    assert await places(one) == {first.id: None, second.id: None, third.id: 1}
    await gate.finish(second.id)
    await gate.wait_for(third.id)
    await gate.finish(third.id)
    states = [(await one.engine.get_run(CALLER, run.id)).state for run in (first, second, third)]
    assert states == [RunState.SUCCEEDED] * 3


async def test_the_urgent_pass_in_the_line(one: Bench) -> None:
    """Whoever is more urgent starts first, whenever it came."""
    gate = Gate(one)
    first, bulk, urgent = await start(one), await start(one, Priority.BULK), await start(one, Priority.INTERACTIVE)
    assert await places(one) == {first.id: None, urgent.id: 1, bulk.id: 2}
    await gate.wait_for(first.id)
    await gate.finish(first.id)
    await gate.wait_for(urgent.id)
    await one.engine.cancel_run(CALLER, urgent.id)
    await one.engine.cancel_run(CALLER, bulk.id)


async def test_a_full_line_takes_nobody(one: Bench) -> None:
    """It is said why and when to come back, nothing is left of the refused run, and there is room again later."""
    gate = Gate(one)
    accepted = [await start(one) for _ in range(3)]
    with pytest.raises(LimitReached) as refused:
        await start(one)
    assert refused.value.reason is Reason.QUEUE_FULL
    assert refused.value.details["reason"] == "queue_full"
    assert int(refused.value.details["retryAfter"]) > 0
    assert set(await places(one)) == {run.id for run in accepted}
    await gate.wait_for(accepted[0].id)
    await gate.finish(accepted[0].id)
    assert (await start(one)).queue_position == 2


async def test_modes_do_not_share_a_line(one: Bench) -> None:
    """The line of test runs keeps no live run waiting; without a bound a run is in at once."""
    gate = Gate(one)
    await one.grant(9)
    first = await start(one)
    await start(one)
    live = await one.engine.run_flow(LIVE, RunRequest(flow_id="document-text", content=b"%PDF"))
    assert live.admitted_at == live.created_at
    await gate.wait_for(first.id, live.id)


@pytest.mark.parametrize("way", ["failure", "cancel", "deadline"])
async def test_every_end_lets_the_next_one_in(one: Bench, way: str) -> None:
    """A run that fails, is cancelled or misses its deadline makes room as one that succeeds does."""
    gate = Gate(one)
    first = await start(one, timeout_s=0.3 if way == "deadline" else None)
    second = await start(one)
    await gate.wait_for(first.id)
    if way == "failure":
        await gate.finish(first.id, WRONG)
    elif way == "cancel":
        await one.engine.cancel_run(CALLER, first.id)
    else:
        await asyncio.sleep(0.3)
        await sweep(one)
    ended = await one.engine.get_run(CALLER, first.id)
    assert ended.state.is_terminal
    await until(lambda: second.id in gate._held)
    assert (await one.engine.get_run(CALLER, second.id)).queue_position is None


async def sweep(bench: Bench) -> None:
    """What the sweep would do now."""
    from docmill.engine.sweep import sweep_once

    await sweep_once(bench.engine.ctx)


async def test_who_waits_may_leave_the_line(one: Bench) -> None:
    """Cancelled, or failed at its deadline, a waiting run leaves it; those behind it move up."""
    gate = Gate(one)
    first, second = await start(one), await start(one, timeout_s=0.2)
    third = await start(one)
    await gate.wait_for(first.id)
    await asyncio.sleep(0.2)
    await sweep(one)
    assert (await one.events(second.id))[-1].payload["reason"] == "DEADLINE"
    assert (await places(one))[third.id] == 1
    cancelled = await one.engine.cancel_run(CALLER, third.id)
    assert (cancelled.state, cancelled.queue_position) == (RunState.CANCELLED, None)
    await gate.finish(first.id)
    assert [event.kind for event in await one.events(third.id)][-1] is EventKind.RUN_CANCELLED


async def test_the_probe_may_come_before_or_after_the_turn(store: Store) -> None:
    """A run that is let in before its document was looked at is planned then; one that is planned waits on."""
    held: list[JobMessage] = []

    def answer(job: JobMessage) -> JobResult | None:
        if job.kind is JobKind.PROBE:
            held.append(job)
            return None
        return done(job, pages=1)

    async with small(store, Limits(concurrent_runs=1)) as bench:
        bench.peer.answer = answer
        first, second = await start(bench), await start(bench)
        assert (await places(bench)) == {first.id: None, second.id: 1}
        await bench.peer.bus.publish_result(done(held[1], pages=1))
        async with asyncio.timeout(10):
            while (await bench.engine.get_run(CALLER, second.id)).pages_total is None:  # noqa: ASYNC110 - see until
                await asyncio.sleep(0.01)
        assert (await places(bench)) == {first.id: None, second.id: 1}
        assert [job.kind for job in bench.peer.seen] == [JobKind.PROBE] * 2
        await bench.peer.bus.publish_result(done(held[0], pages=1))
        for run in (first, second):
            assert (await bench.events(run.id))[-1].kind is EventKind.RUN_SUCCEEDED


async def test_a_document_that_cannot_be_opened_frees_its_place(store: Store) -> None:
    """A run that ends with its probe lets the next one in."""
    held: list[JobMessage] = []

    def answer(job: JobMessage) -> JobResult | None:
        if job.kind is JobKind.PROBE and not held:
            held.append(job)
            return None
        return done(job, pages=1)

    async with small(store, Limits(concurrent_runs=1)) as bench:
        bench.peer.answer = answer
        first, second = await start(bench), await start(bench)
        assert second.queue_position == 1
        await bench.peer.bus.publish_result(failed(held[0], WRONG))
        assert (await bench.events(first.id))[-1].kind is EventKind.RUN_FAILED
        assert (await bench.events(second.id))[-1].kind is EventKind.RUN_SUCCEEDED


async def test_a_raised_limit_lets_more_in(store: Store) -> None:
    """The sweep sees that there is room, as it would after a crash that left somebody in the line."""
    limits = {"now": Limits(concurrent_runs=1)}
    async with serving(store, QUICK, limits=lambda *_: limits["now"]) as bench:
        gate = Gate(bench)
        runs_ = [await start(bench) for _ in range(4)]
        await gate.wait_for(runs_[0].id)
        limits["now"] = Limits(concurrent_runs=3)
        await gate.wait_for(*(run.id for run in runs_[:3]))
        limits["now"] = Limits()
        await gate.wait_for(*(run.id for run in runs_))


async def test_a_watcher_sees_the_line_move(one: Bench) -> None:
    """While it waits, the run comes again with each new place, and without one when it is let in."""
    gate = Gate(one)
    first, second, third = [await start(one) for _ in range(3)]
    await gate.wait_for(first.id)
    seen: list[int | None] = []

    async def watch() -> None:
        async for item in one.engine.watch_run(CALLER, third.id):
            if isinstance(item, Run):
                seen.append(item.queue_position)  # noqa: PERF401 - seen while it goes on

    watching = asyncio.create_task(watch())
    await until(lambda: seen == [2])
    await gate.finish(first.id)
    await until(lambda: seen == [2, 1])
    await gate.wait_for(second.id)
    await gate.finish(second.id)
    await until(lambda: seen == [2, 1, None])
    await gate.wait_for(third.id)
    await gate.finish(third.id)
    async with asyncio.timeout(10):
        await watching
    assert seen == [2, 1, None]


async def test_no_more_than_the_limit_at_any_time(store: Store) -> None:
    """Sixty runs that come, end and are cancelled at the same time: never more than three are in, and all end."""
    most = 3
    too_many: list[int] = []

    def answer(job: JobMessage) -> JobResult:
        return (
            failed(job, WRONG) if sum(job.run_id.encode()) % 5 == 0 and job.kind is JobKind.PAGE else done(job, pages=1)
        )

    async with small(store, Limits(concurrent_runs=most)) as bench:
        bench.peer.answer = answer

        async def live(number: int) -> None:
            run = await start(bench)
            if number % 3 == 0:
                await asyncio.sleep(number / 1000)
                await asyncio.gather(bench.engine.cancel_run(CALLER, run.id), return_exceptions=True)
            await bench.events(run.id)

        async def look() -> None:
            while True:
                count = await store.read(lambda: line.count_in(CALLER.org_id, CALLER.mode))
                if count > most:
                    too_many.append(count)
                await asyncio.sleep(0.002)

        looking = asyncio.create_task(look())
        await asyncio.gather(*(live(number) for number in range(60)))
        looking.cancel()
        assert not too_many
        assert await store.read(lambda: line.count_waiting(CALLER.org_id, CALLER.mode)) == 0
        assert await store.read(unadmitted_pages) == 0


def unadmitted_pages() -> Op[int]:
    """Pages of runs that were never let in."""
    rows = yield Statement(
        "SELECT count(*) FROM jobs JOIN runs ON runs.id = jobs.run_id WHERE kind = 'PAGE' AND admitted_at IS NULL"
    )
    return int(rows[0][0])
