"""What `docmill.bus` promises of results, hints, beats and its own end, for every implementation."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from docmill.bus import BusUnavailable, Publication
from docmill.domain.errors import Fault, Reason
from docmill.domain.messages import Beat, DocumentFacts, Hint, HintKind, JobResult, ProbeFacts, StepFacts
from docmill.domain.models import JobKind, PageSize
from docmill.domain.pages import Unit
from tests.fixtures.bus import ACK_WAIT
from tests.fixtures.bus_messages import NOT, SOON, collect, eventually, job, pages, result

if TYPE_CHECKING:
    from docmill.bus import Bus
    from tests.fixtures.bus import BusHarness

FACTS = [
    replace(result(), page_facts=None, kind=JobKind.PROBE, probe=ProbeFacts(media_type="image/png", pages=())),
    replace(
        result(),
        page_facts=None,
        probe=ProbeFacts(media_type="application/pdf", pages=(PageSize(width=595.28, height=841.89, unit=Unit.POINT),)),
    ),
    result(),
    replace(result(), page_facts=None, document=DocumentFacts(output_key="")),
    replace(
        result(),
        page_facts=None,
        document=DocumentFacts(
            output_key="outputs/1", steps=(StepFacts(step_id="a", node_type="extract", duration_ms=7),)
        ),
    ),
    replace(
        result(),
        page_facts=None,
        fault=Fault(
            reason=Reason.WORKER_CRASHED, message="It crashed", details={"signal": "9"}, retryable=True, step="read"
        ),
    ),
    replace(result(), page_facts=None),
    replace(result(), page_facts=None, kind=JobKind.RENDER, run_id=""),
]


async def test_results_arrive_as_they_were_sent(bus: Bus) -> None:
    """Facts of every kind, faults and bare results come out as they went in."""
    sent = [replace(facts, job_id=f"job_{number}") for number, facts in enumerate(FACTS)]
    async with bus.results() as source:
        for one in sent:
            await bus.publish_result(one)
        found: list[JobResult] = []
        async with asyncio.timeout(SOON):
            while len(found) < len(sent):
                for delivery in await source.fetch(3, SOON):
                    found.append(delivery.result)
                    await delivery.ack()
    assert sorted(found, key=lambda one: one.job_id) == sent


async def test_a_result_waits_until_it_is_acked(bus: Bus) -> None:
    """A result not committed is delivered again; once acked, never."""
    await bus.publish_result(result())
    async with bus.results() as source:
        [first] = await source.fetch(1, SOON)
        assert first.result == result()
        [second] = await source.fetch(1, SOON)
        await second.ack()
        assert list(await source.fetch(1, ACK_WAIT + NOT)) == []


async def test_the_same_result_published_twice_counts_once(bus: Bus) -> None:
    """A worker that is not sure publishes again, without harm."""
    await bus.publish_result(result())
    await bus.publish_result(result())
    async with bus.results() as source:
        assert len(await source.fetch(5, SOON)) == 1
        assert list(await source.fetch(5, NOT)) == []


async def test_express_results_have_a_lane_of_their_own(bus: Bus) -> None:
    """Whoever takes the one lane gets nothing of the other; published twice, also on another lane, it counts once."""
    urgent = replace(result(1), express=True)
    await bus.publish_result(result(2))
    await bus.publish_result(urgent)
    await bus.publish_result(replace(urgent, express=False))
    async with bus.results(express=True) as express, bus.results() as normal:
        [first] = await express.fetch(5, SOON)
        [second] = await normal.fetch(5, SOON)
        assert (first.result, second.result) == (urgent, result(2))
        await first.ack()
        await second.ack()
        assert not await express.fetch(5, NOT)
        assert not await normal.fetch(5, NOT)


async def test_results_respect_the_limit(bus: Bus) -> None:
    """As for jobs."""
    for number in range(5):
        await bus.publish_result(result(number))
    async with bus.results() as source:
        sizes = [len(await source.fetch(2, SOON)) for _ in range(3)]
    assert sizes == [2, 2, 1]


async def test_a_hint_reaches_everybody_who_listens(buses: BusHarness) -> None:
    """Every listener on every bus hears every hint, the sender's own too; one that unsubscribed does not."""
    sender, other = await buses.connect(), await buses.connect()
    heard: list[tuple[str, Hint]] = []
    sender.on_hint(lambda hint: heard.append(("own", hint)))
    other.on_hint(lambda hint: heard.append(("first", hint)))
    other.on_hint(lambda hint: heard.append(("second", hint)))
    unsubscribe = other.on_hint(lambda hint: heard.append(("gone", hint)))
    unsubscribe()
    unsubscribe()
    hint = Hint(kind=HintKind.RUN_CANCELLED, run_id="run_1", sequence=7)
    await sender.publish_hint(hint)
    await eventually(lambda: len(heard) == 3)
    assert sorted(heard, key=lambda pair: pair[0]) == [("first", hint), ("own", hint), ("second", hint)]


async def test_a_listener_that_fails_does_not_silence_the_others(bus: Bus) -> None:
    """An exception in one listener stays with it."""
    heard: list[Hint] = []

    def failing(_: Hint) -> None:
        raise RuntimeError("broken listener")

    bus.on_hint(failing)
    bus.on_hint(heard.append)
    for sequence in (1, 2):
        await bus.publish_hint(Hint(kind=HintKind.RUN_ADVANCED, run_id="run_1", sequence=sequence))
    await eventually(lambda: [hint.sequence for hint in heard] == [1, 2])


async def test_a_beat_reaches_the_services(buses: BusHarness) -> None:
    """A worker's beat arrives with what it holds."""
    worker, services = await buses.connect(), await buses.connect()
    heard: list[Beat] = []
    unsubscribe = services.on_beat(heard.append)
    beat = Beat(worker_id="worker_1", slots=4, holding=(("job_1", 1), ("job_2", 3)))
    await worker.publish_beat(beat)
    await eventually(lambda: heard == [beat])
    unsubscribe()
    await worker.publish_beat(beat)
    await services.ping()
    assert heard == [beat]


async def test_lost_queues_are_told_and_work_again(buses: BusHarness) -> None:
    """After the bus lost everything, every process is told, and the same jobs can be published and taken again."""
    services, worker = await buses.connect(), await buses.connect()
    told = {"services": asyncio.Event(), "worker": asyncio.Event(), "gone": asyncio.Event()}

    async def failing() -> None:
        raise RuntimeError("broken listener")

    async def tell(name: str) -> None:
        told[name].set()

    services.on_reset(failing)
    services.on_reset(lambda: tell("services"))
    worker.on_reset(lambda: tell("worker"))
    services.on_reset(lambda: tell("gone"))()

    async with worker.jobs() as source:
        await services.publish_jobs([job(1), job(2)])
        [held] = await source.fetch(1, SOON)
        await buses.lose_everything()
        async with asyncio.timeout(SOON):
            await told["services"].wait()
            await told["worker"].wait()
        await held.ack()
        assert await services.publish_jobs([job(1), job(2)]) == [Publication.TAKEN] * 2
        assert pages(await collect(source, 2)) == [1, 2]
        assert not told["gone"].is_set()


async def test_a_reset_is_told_until_it_is_heard(buses: BusHarness) -> None:
    """A listener that fails, because its database is away, is called again until it succeeds, and then no more."""
    bus = await buses.connect()
    calls: list[float] = []

    async def third_time() -> None:
        calls.append(time.monotonic())
        if len(calls) < 3:
            raise ConnectionError("the database is away")

    bus.on_reset(third_time)
    await buses.lose_everything()
    await eventually(lambda: len(calls) == 3)
    assert 0.4 < calls[2] - calls[1] < SOON
    await asyncio.sleep(2 * NOT)
    assert len(calls) == 3


async def test_a_closed_bus_tells_nobody(buses: BusHarness) -> None:
    """Who has not heard of a reset when the bus is closed, or when it unsubscribes, is not called any more."""
    bus, other = await buses.connect(), await buses.connect()
    calls = {"closed": 0, "unsubscribed": 0}

    async def failing(name: str) -> None:
        calls[name] += 1
        raise ConnectionError("the database is away")

    bus.on_reset(lambda: failing("closed"))
    unsubscribe = other.on_reset(lambda: failing("unsubscribed"))
    await buses.lose_everything()
    await eventually(lambda: min(calls.values()) > 0)
    await bus.aclose()
    unsubscribe()
    before = dict(calls)
    await asyncio.sleep(0.5 + NOT)
    assert calls == before


async def test_a_result_that_no_message_can_carry(bus: Bus) -> None:
    """It is refused for good, unlike one that meets an absent bus, and the next one goes through."""
    with pytest.raises(ValueError, match="range"):
        await bus.publish_result(replace(result(), engine_ms=10**20))
    keys = DocumentFacts(output_key="x" * 9_000_000)
    with pytest.raises(ValueError, match="too large"):
        await bus.publish_result(replace(result(), page_facts=None, document=keys))
    await bus.publish_result(result())
    async with bus.results() as source:
        [delivery] = await source.fetch(1, SOON)
        assert delivery.result == result()


async def test_ping(bus: Bus) -> None:
    """An open bus answers, a closed one does not; closing twice is allowed."""
    await bus.ping()
    await bus.aclose()
    await bus.aclose()
    with pytest.raises(BusUnavailable):
        await bus.ping()
    with pytest.raises(BusUnavailable):
        await bus.publish_jobs([job()])
    with pytest.raises(BusUnavailable):
        await bus.publish_result(result())
    await bus.publish_hint(Hint(kind=HintKind.RUN_ADVANCED, run_id="run_1"))
    await bus.publish_beat(Beat(worker_id="worker_1", slots=1))
    await bus.discard_jobs("run_1")
