"""What `docmill.bus` promises of questions to the services, for every implementation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from docmill.bus import ANSWER_SECONDS, BusUnavailable
from docmill.domain.messages import Attempt
from tests.fixtures.bus_messages import SOON

if TYPE_CHECKING:
    from docmill.bus import Bus
    from tests.fixtures.bus import BusHarness

ATTEMPTS = [("job_1", 1), ("job_2", 3), ("job_2", 2)]


async def first_attempts(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Wants no second one."""
    return [attempt for attempt in attempts if attempt[1] == 1]


async def everything(attempts: Sequence[Attempt]) -> Sequence[Attempt]:
    """Wants all."""
    return attempts


async def test_the_services_say_what_is_wanted(buses: BusHarness) -> None:
    """A worker's question is answered by the process that takes part in answering, whatever it asks about."""
    worker, services = await buses.connect(), await buses.connect()
    async with services.answering(first_attempts):
        assert await worker.ask_wanted(ATTEMPTS) == {("job_1", 1)}
        assert await worker.ask_wanted([("job_9", 9)]) == frozenset()
        assert await worker.ask_wanted([]) == frozenset()
        assert await services.ask_wanted(ATTEMPTS) == {("job_1", 1)}


async def test_a_question_that_nobody_answers_fails_at_once(buses: BusHarness) -> None:
    """Before any services take part, and after the last has left, whoever asks is told so, not kept waiting."""
    worker, services = await buses.connect(), await buses.connect()
    began = time.monotonic()
    with pytest.raises(BusUnavailable):
        await worker.ask_wanted(ATTEMPTS)
    async with services.answering(everything):
        assert await worker.ask_wanted(ATTEMPTS) == set(ATTEMPTS)
    await services.ping()  # the server has heard that it left
    with pytest.raises(BusUnavailable):
        await worker.ask_wanted(ATTEMPTS)
    assert time.monotonic() - began < ANSWER_SECONDS


async def test_an_answer_that_fails_is_none(buses: BusHarness) -> None:
    """Services whose record is away do not say that nothing is wanted, nor that all is; the next question is answered."""
    worker, services = await buses.connect(), await buses.connect()
    away = True

    async def answer(attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        if away:
            raise ConnectionError("the record is away")
        return attempts

    async with services.answering(answer):
        with pytest.raises(BusUnavailable):
            await worker.ask_wanted(ATTEMPTS)
        away = False
        assert await worker.ask_wanted(ATTEMPTS) == set(ATTEMPTS)


async def test_an_answer_that_comes_too_late_is_none(buses: BusHarness) -> None:
    """What was true a while ago is not taken, neither for this question nor for the next."""
    worker, services = await buses.connect(), await buses.connect()
    late = asyncio.Event()

    async def answer(attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        if len(attempts) > 1:
            await late.wait()
        return attempts

    async with services.answering(answer):
        began = time.monotonic()
        with pytest.raises(BusUnavailable):
            await worker.ask_wanted(ATTEMPTS)
        assert ANSWER_SECONDS - 0.1 < time.monotonic() - began < ANSWER_SECONDS + SOON
        late.set()
        assert await worker.ask_wanted([("job_9", 9)]) == {("job_9", 9)}


async def test_one_of_several_services_answers(buses: BusHarness) -> None:
    """Each question goes to one process, and all take their turns."""
    worker, one, two = [await buses.connect() for _ in range(3)]
    asked = {"one": 0, "two": 0}

    async def answer(name: str, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        asked[name] += 1
        return attempts

    async with one.answering(lambda attempts: answer("one", attempts)):
        async with two.answering(lambda attempts: answer("two", attempts)):
            for _ in range(60):
                await worker.ask_wanted(ATTEMPTS)
        assert min(asked.values()) > 0
        assert sum(asked.values()) == 60
        await two.ping()
        assert await worker.ask_wanted(ATTEMPTS) == set(ATTEMPTS)


async def test_questions_do_not_wait_for_each_other(buses: BusHarness) -> None:
    """An answer that takes long keeps no other question waiting."""
    worker, services = await buses.connect(), await buses.connect()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def answer(attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        if len(attempts) > 1:
            begun.set()
            await go_on.wait()
        return attempts

    async with services.answering(answer):
        slow = asyncio.create_task(worker.ask_wanted(ATTEMPTS))
        async with asyncio.timeout(SOON):
            await begun.wait()
        assert await worker.ask_wanted([("job_9", 9)]) == {("job_9", 9)}
        go_on.set()
        assert await slow == set(ATTEMPTS)


async def test_a_closed_bus_asks_nobody(bus: Bus) -> None:
    """After its end there is no answer, only an error."""
    async with bus.answering(everything):
        await bus.aclose()
        with pytest.raises(BusUnavailable):
            await bus.ask_wanted(ATTEMPTS)
