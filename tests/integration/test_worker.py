"""A worker's life on a bus: what its peers see of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from docmill.bus import BusUnavailable
from docmill.bus.memory import MemoryBus
from docmill.domain.errors import Reason
from docmill.domain.messages import JobResult
from docmill.worker.executor import ChildUnusable
from tests.fixtures.worker_house import ACK_WAIT, House, open_house, until


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """An empty one."""
    async with open_house(tmp_path) as house:
        yield house


@asynccontextmanager
async def _nothing_is_left(house: House) -> AsyncIterator[None]:
    """Afterwards, no job is delivered again although ack_wait has passed."""
    yield
    async with house.bus.jobs() as source:
        assert not await source.fetch(1, ACK_WAIT * 1.5)


async def test_it_answers_each_job_once(house: House) -> None:
    """Every job gets one result with its facts, and is acknowledged for good."""
    _, stop, life = await house.worker(slots=2)
    for number in range(1, 8):
        await house.page(number)
    await until(lambda: len(house.results) == 7)
    async with _nothing_is_left(house):
        stop.set()
        await life
    assert sorted(result.page for result in house.results) == list(range(1, 8))
    first = house.results[0]
    assert first.page_facts is not None
    assert (first.worker_id, first.run_id, first.document_id, first.engine_ms, first.page_facts.words) == (
        "w1", "run1", "doc", 7, 3,
    )  # fmt: skip
    assert len({result.page_facts.page_key for result in house.results if result.page_facts}) == 2


@pytest.mark.parametrize(
    ("do", "reason", "retryable"),
    [
        ("media", Reason.MEDIA_ENCRYPTED, False),
        ("bug", Reason.INTERNAL, True),
        ("crash", Reason.WORKER_CRASHED, True),
        ("noise", Reason.INTERNAL, True),  # a reply that lacks what the handler needs
    ],
)
async def test_a_failure_is_a_result(house: House, do: str, reason: Reason, retryable: bool) -> None:  # noqa: FBT001
    """A failed job is answered with its fault, and the worker takes the next one."""
    await house.worker()
    await house.page(1, do=do)
    await house.page(2)
    await until(lambda: len(house.results) == 2)
    fault = house.results[0].fault
    assert fault is not None
    assert (fault.reason, fault.retryable) == (reason, retryable)
    assert house.results[1].fault is None


async def test_expired_work_is_not_done(house: House) -> None:
    """A job whose deadline has passed is answered DEADLINE without any work."""
    await house.worker()
    await house.page(1, deadline=datetime.now(UTC) - timedelta(seconds=1))
    await until(lambda: len(house.results) == 1)
    fault = house.results[0].fault
    assert fault is not None
    assert (fault.reason, fault.retryable, house.handler.seen) == (Reason.DEADLINE, False, [])


async def test_work_ends_at_its_deadline(house: House) -> None:
    """A child that is still at it when the deadline passes is stopped."""
    await house.worker()
    await house.page(1, do="hang", deadline=datetime.now(UTC) + timedelta(seconds=0.5))
    await until(lambda: len(house.results) == 1)
    fault = house.results[0].fault
    assert fault is not None
    assert (fault.reason, fault.retryable) == (Reason.DEADLINE, False)


async def test_cancel_drops_what_waits_and_kills_what_runs(house: House) -> None:
    """Of a cancelled run no page starts afterwards, and the page in flight ends within 2 s; others go on."""
    _, stop, life = await house.worker(prefetch=3)
    await house.page(1, do="hang")
    await house.page(2)
    await house.page(3, run="run2")
    await until(lambda: len(house.holding()) == 3 and house.begun() == {"run1-1"})
    began = time.monotonic()
    await house.cancel("run1")
    await until(lambda: house.holding() == {"run1-1", "run2-3"})
    await until(lambda: "run1-1" not in house.holding(), 2)
    assert time.monotonic() - began < 2
    await until(lambda: len(house.results) == 1)
    await house.page(4)
    await house.page(5, run="run2")
    await until(lambda: len(house.results) == 2)
    async with _nothing_is_left(house):
        stop.set()
        await life
    assert {result.run_id for result in house.results} == {"run2"}


async def test_a_page_of_a_cancelled_run_may_finish(house: House) -> None:
    """Within its patience the page in flight ends by itself, and the child lives on."""
    await house.worker()
    await house.page(1, seconds=0.5)
    await until(lambda: house.begun() == {"run1-1"})
    await house.cancel("run1")
    await until(lambda: len(house.results) == 1)
    await house.page(1, run="run2")
    await until(lambda: len(house.results) == 2)
    pids = {result.page_facts.page_key for result in house.results if result.page_facts}
    assert len(pids) == 1


async def test_it_holds_no_more_than_it_may(house: House) -> None:
    """One job a slot and one more fetched ahead: the rest is for other workers."""
    await house.worker(slots=2)
    for number in range(10):
        await house.page(number, do="hang" if number < 4 else "echo")
    await until(lambda: len(house.holding()) == 4)
    async with house.bus.jobs() as source:
        others = await source.fetch(10, 1)
        assert {delivery.job.page for delivery in others} == set(range(4, 10))
        for delivery in others:
            await delivery.ack()
    assert len(house.holding()) == 4
    assert {(beat.worker_id, beat.slots) for beat in house.beats} == {("w1", 2)}
    await house.cancel("run1")


async def test_long_work_is_not_given_to_others(house: House) -> None:
    """A job that takes longer than ack_wait is done once, by one worker."""
    await house.worker()
    await house.worker(worker_id="w2")
    await house.page(1, seconds=ACK_WAIT * 2.5)
    await until(lambda: len(house.results) == 1)
    assert house.handler.seen == [1]


async def test_shutdown_gives_back_what_has_not_begun(house: House) -> None:
    """A stopped worker finishes its page and hands the fetched ones to others at once, not after ack_wait."""
    _, stop, life = await house.worker(prefetch=2)
    for number in (1, 2, 3):
        await house.page(number, seconds=0.5)
    await until(lambda: len(house.holding()) == 3 and house.begun() == {"run1-1"})
    stop.set()
    async with house.bus.jobs() as source:
        given_back: list[int] = []
        began = time.monotonic()
        while len(given_back) < 2:
            for delivery in await source.fetch(2, ACK_WAIT):
                given_back.append(delivery.job.page)
                await delivery.ack()
        assert time.monotonic() - began < ACK_WAIT / 2
    await life
    await until(lambda: len(house.results) == 1)
    assert [house.results[0].page, *sorted(given_back)] == [1, 2, 3]


async def test_what_exceeds_the_grace_is_given_back(house: House) -> None:
    """A worker told to stop ends although its page does not, and the page goes to somebody else."""
    _, stop, life = await house.worker(grace=0.2)
    await house.page(1, do="hang")
    await until(lambda: house.begun() == {"run1-1"})
    stop.set()
    async with asyncio.timeout(3):
        await life
    async with house.bus.jobs() as source:
        (delivery,) = await source.fetch(1, ACK_WAIT / 2)
        assert delivery.job.page == 1
        await delivery.ack()


class DyingBus(MemoryBus):
    """The worker's power fails right after its result has left."""

    died: asyncio.Event

    async def publish_result(self, result: JobResult) -> None:
        await super().publish_result(result)
        self.died.set()
        await asyncio.Event().wait()


async def test_the_result_leaves_before_the_ack(house: House) -> None:
    """A worker that dies between the two loses nothing: the job comes again, and its result counts once."""
    bus = DyingBus(house.broker)
    bus.died = asyncio.Event()
    _, _, life = await house.worker(bus=bus, grace=0)
    await house.page(1)
    await bus.died.wait()
    life.cancel()
    await house.worker(worker_id="w2")
    await until(lambda: house.handler.seen == [1, 1])
    await house.page(2)
    await until(lambda: any(result.page == 2 for result in house.results))
    assert [result.page for result in house.results] == [1, 2]


class FlakyBus(MemoryBus):
    """Away for the first three results."""

    refusals = 3

    async def publish_result(self, result: JobResult) -> None:
        if self.refusals:
            self.refusals -= 1
            raise BusUnavailable("away")
        await super().publish_result(result)


async def test_a_result_waits_for_the_bus(house: House) -> None:
    """Work that is done is not lost because the bus is away for a moment."""
    await house.worker(bus=FlakyBus(house.broker))
    await house.page(1)
    await until(lambda: len(house.results) == 1)
    assert house.handler.seen == [1]


class OlderBus(MemoryBus):
    """Takes nothing on the express lane, as a server with the configuration of the release before."""

    async def publish_result(self, result: JobResult) -> None:
        if result.express:
            raise BusUnavailable("permission denied")
        await super().publish_result(result)


async def test_an_express_result_goes_the_usual_way_where_there_is_no_other(house: House) -> None:
    """While a cluster is upgraded, no work is lost."""
    await house.worker(bus=OlderBus(house.broker))
    await house.page(1, express=True)
    await until(lambda: len(house.results) == 1)
    assert house.handler.seen == [1]


async def test_a_worker_without_a_child_stops(house: House) -> None:
    """When its child cannot be started again the worker ends with an error instead of half living."""
    _, _, life = await house.worker(grace=0)
    house.refuse.touch()
    await house.page(1, do="crash")
    with pytest.raises(ChildUnusable):
        async with asyncio.timeout(20):
            await life


async def test_its_last_line_says_what_it_did(house: House) -> None:
    """Whoever reads the log of a stopped worker finds how many jobs it did, how they failed and what it gave back."""
    _, stop, life = await house.worker(prefetch=2)
    with structlog.testing.capture_logs() as logs:
        await house.page(1)
        await house.page(2, do="media")
        await until(lambda: len(house.results) == 2)
        for number in (3, 4):
            await house.page(number, seconds=0.5)
        await until(lambda: len(house.holding()) == 2 and "run1-3" in house.begun())
        stop.set()
        await life
    (line,) = [line for line in logs if line.get("event_key") == "worker.stopped"]
    assert (line["worker_id"], line["done"]) == ("w1", {"PAGE": 3})
    assert (line["faults"], line["lost"]) == ({"MEDIA_ENCRYPTED": 1}, 0)
    assert line["returned"] >= 1  # a fetch that was under way may get the page once more, and gives it back again
