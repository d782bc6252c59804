"""Work begins only if the services have just said that it is wanted, whatever word of a cancel came through."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from docmill.bus.memory import MemoryBus
from docmill.domain.messages import Attempt, Hint
from docmill.domain.models import JobKind
from docmill.worker.wanted import FRESH_SECONDS
from tests.fixtures.worker_house import ACK_WAIT, House, open_house, until


class DeafBus(MemoryBus):
    """Whoever uses it hears no hint, as if it was cut off from the bus whenever one went out."""

    largest = 0
    """Attempts that were asked about at once."""
    asked: frozenset[str] = frozenset()
    """Jobs that were asked about."""

    def on_hint(self, listener: Callable[[Hint], None]) -> Callable[[], None]:
        return lambda: None

    async def ask_wanted(self, attempts: Sequence[Attempt]) -> frozenset[Attempt]:
        self.largest = max(self.largest, len(attempts))
        self.asked |= {job_id for job_id, _ in attempts}
        return await super().ask_wanted(attempts)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """An empty one."""
    async with open_house(tmp_path) as house:
        yield house


async def _nothing_is_left(house: House) -> None:
    async with house.bus.jobs() as source:
        assert not await source.fetch(1, ACK_WAIT * 1.5)


async def test_what_was_cancelled_before_it_came_does_not_begin(house: House) -> None:
    """A job published after its run was cancelled, to a worker that never heard of it, is dropped for good."""
    house.unwanted.add("run1")
    worker, stop, life = await house.worker(bus=DeafBus(house.broker))
    await house.page(1)
    await house.page(2, run="run2")
    await until(lambda: len(house.results) == 1 and not house.holding())
    stop.set()
    await life
    await _nothing_is_left(house)
    assert house.begun() == {"run2-2"}
    assert worker.stats.dropped == 1


async def test_what_waits_is_asked_about_again_before_it_begins(house: House) -> None:
    """A page that was wanted when it was fetched, and is not any more when its turn comes, does not begin."""
    await house.worker(bus=DeafBus(house.broker))
    await house.page(1, run="run2", seconds=FRESH_SECONDS + 0.5)
    await house.page(2)
    await until(lambda: house.holding() == {"run2-1", "run1-2"} and house.begun() == {"run2-1"})
    house.unwanted.add("run1")
    await until(lambda: len(house.results) == 1 and not house.holding())
    await house.page(3, run="run2")
    await until(lambda: len(house.results) == 2)
    assert house.begun() == {"run2-1", "run2-3"}


async def test_what_the_record_has_just_said_is_not_asked_about(house: House) -> None:
    """A job that was claimed a moment ago begins at once; an old one, and one by a clock that is ahead, are asked about."""
    bus = DeafBus(house.broker)
    await house.worker(bus=bus, slots=5, beat_every=60)
    now = datetime.now(UTC)
    for number, wanted_at in enumerate([now, now - timedelta(seconds=FRESH_SECONDS), now + timedelta(minutes=5), None]):
        await house.page(number, kind=JobKind.DOCUMENT, wanted_at=wanted_at)
    await until(lambda: len(house.results) == 4)
    assert bus.asked == {"run1-1", "run1-2", "run1-3"}


@pytest.mark.parametrize("facts", [{"kind": JobKind.PAGE}, {"kind": JobKind.DOCUMENT, "calls_llm": True}])
async def test_what_is_dear_is_always_asked_about(house: House, facts: dict[str, Any]) -> None:
    """A page, and a call of a language model: claimed just before its run was cancelled, it does not begin."""
    house.unwanted.add("run1")
    worker, _, _ = await house.worker(bus=DeafBus(house.broker))
    await house.page(1, wanted_at=datetime.now(UTC), **facts)
    await until(lambda: worker.stats.dropped == 1)
    assert house.begun() == set()


async def test_the_record_s_word_ages_while_a_job_waits_for_a_child(house: House) -> None:
    """What was wanted when it was claimed is asked about when its turn comes late."""
    await house.worker(bus=DeafBus(house.broker))
    await house.page(1, run="run2", seconds=FRESH_SECONDS + 0.5)
    await until(lambda: house.begun() == {"run2-1"})
    await house.page(2, kind=JobKind.DOCUMENT, wanted_at=datetime.now(UTC))
    await until(lambda: house.holding() == {"run2-1", "run1-2"})
    house.unwanted.add("run1")
    await until(lambda: len(house.results) == 1 and not house.holding())
    assert house.begun() == {"run2-1"}


async def test_a_page_at_work_is_stopped_without_a_hint(house: House) -> None:
    """What a child works on ends soon after nobody wants it any more: at the next beat and the usual patience."""
    worker, _, _ = await house.worker(bus=DeafBus(house.broker), cancel_patience=0.2)
    await house.page(1, do="hang")
    await until(lambda: house.begun() == {"run1-1"})
    house.unwanted.add("run1")
    await until(lambda: worker.stats.killed == 1, 5)
    await house.page(2, run="run2")
    await until(lambda: len(house.results) == 1)


async def test_work_waits_for_the_services(house: House) -> None:
    """Without services nothing begins and nothing is lost; once they answer, every page is read, by the same worker."""
    await house.answers.aclose()
    await house.worker(slots=2)
    for number in (1, 2, 3):
        await house.page(number)
    await until(lambda: len(house.holding()) == 3)
    await _nothing_is_left(house)  # it is still in the worker's hands after ack_wait
    assert house.begun() == set()
    async with house.bus.answering(house.wanted):
        await until(lambda: len(house.results) == 3)
    assert [result.fault for result in house.results] == [None] * 3


async def test_a_stopped_worker_does_not_wait_for_the_services(house: House) -> None:
    """It gives its jobs back and ends, also while there is nobody to ask."""
    await house.answers.aclose()
    _, stop, life = await house.worker()
    await house.page(1)
    await until(lambda: len(house.holding()) == 1)
    stop.set()
    await life
    async with house.bus.jobs() as source:
        assert len(await source.fetch(1, ACK_WAIT / 2)) == 1


async def test_what_comes_together_is_asked_about_together(house: House) -> None:
    """Quick pages cost a question a fetch, not one each."""
    for number in range(24):
        await house.page(number)
    bus = DeafBus(house.broker)
    await house.worker(bus=bus, slots=2, prefetch=11, pulls=1, beat_every=60)
    await until(lambda: len(house.results) == 24)
    assert bus.largest == 24
