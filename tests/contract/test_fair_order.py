"""The order in which jobs are published, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docmill.domain.models import Job, JobKind, Mode, Priority
from docmill.domain.plan import weight
from docmill.domain.states import JobState
from docmill.domain.turns import FEW, Line, Turns
from docmill.engine.turns import Dealt, Seat, claim
from docmill.store import Op, Statement, Store, claims, documents, jobs
from docmill.store.claims import Held
from tests.fixtures.record import a_document

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
PAGE = weight(Priority.STANDARD, JobKind.PAGE)


def flood(
    org_id: str,
    count: int,
    *,
    priority: Priority = Priority.STANDARD,
    since: datetime = NOW,
    due: datetime = NOW,
    calls_llm: bool = False,
) -> Callable[[], Op[None]]:
    """So many pages of an organization's document, in line since then."""
    document = a_document(since, f"doc_{org_id}_{priority.value}_{calls_llm}", org_id=org_id, mode=Mode.TEST)

    def page(number: int) -> Job:
        return Job(
            id=f"job_{org_id}_{priority.value}_{number:04}" + calls_llm * "_llm",
            kind=JobKind.PAGE,
            org_id=org_id,
            run_id="",
            document_id=document.id,
            page=number,
            state=JobState.READY,
            attempt=1,
            ready_at=max(since, due),
            created_at=since,
        )

    def op() -> Op[None]:
        yield from documents.insert(document)
        its_weight = weight(priority, JobKind.PAGE, calls_llm=calls_llm)
        yield from jobs.insert([(page(number), its_weight) for number in range(count)])

    return op


async def deal(
    store: Store, window: int, turns: Turns | None = None, now: datetime = NOW, *, llm_window: int | None = None
) -> Sequence[Seat]:
    """One claim."""
    memory = turns or Turns()
    seats = list((await store.write(lambda: claim(memory, now, LATER, window, llm_window))).seats)
    memory.served(seat.job.org_id for seat in seats)
    return seats


def owners(seats: Sequence[Seat]) -> list[str]:
    """Whose jobs they are, in order."""
    return [seat.job.org_id for seat in seats]


async def finish(store: Store, seats: Sequence[Seat]) -> None:
    """The jobs end."""

    def op() -> Op[None]:
        for seat in seats:
            yield Statement("UPDATE jobs SET state = 'SUCCEEDED', lease_until = NULL WHERE id = $1", (seat.job.job_id,))

    await store.write(op)


async def test_a_single_page_passes_a_flood(store: Store) -> None:
    """With the window full of one organization's pages, another's page is published at once, on the express lane."""
    await store.write(flood("org_a", 100))
    first = await deal(store, 7)
    assert len(first) == 7 + FEW
    assert [seat.express for seat in first] == [True] * FEW + [False] * 7
    assert await deal(store, 7) == []
    await store.write(flood("org_b", 1, since=NOW + timedelta(seconds=5)))
    (seat,) = await deal(store, 7, now=NOW + timedelta(seconds=5))
    assert (seat.job.org_id, seat.express) == ("org_b", True)


async def test_many_floods_do_not_shut_the_express_lane(store: Store) -> None:
    """However many organizations fill the window together, one more has its page published at once."""
    names = [f"org_{number}" for number in range(5)]
    for name in names:
        await store.write(flood(name, 100))
    while await deal(store, 30):
        pass
    await store.write(flood("org_b", 1))
    (seat,) = await deal(store, 30)
    assert (seat.job.org_id, seat.express) == ("org_b", True)


async def test_jobs_that_wait_for_a_language_model_delay_no_page(store: Store) -> None:
    """They have a window of their own, shared by those who want it; a full one is full for them alone."""
    await store.write(flood("org_a", 50, priority=Priority.INTERACTIVE, calls_llm=True))
    await store.write(flood("org_b", 50, priority=Priority.INTERACTIVE, calls_llm=True))
    seats = await deal(store, 10, llm_window=4)
    assert [(seat.calls_llm, seat.express) for seat in seats] == [(True, False)] * 4
    assert Counter(owners(seats)) == {"org_a": 2, "org_b": 2}
    await store.write(flood("org_a", 30, priority=Priority.BULK))
    pages = await deal(store, 10, llm_window=4)
    assert (len(pages), {seat.calls_llm for seat in pages}) == (FEW + 10, {False})
    assert await store.read(claims.held) == Held(usual={"org_a": FEW + 10}, llm={"org_a": 2, "org_b": 2})
    assert await deal(store, 10, llm_window=4) == []
    last = await store.write(lambda: claim(Turns(), NOW, LATER, 10, 4))
    assert (last.in_hand, last.more) == (FEW + 10, False)  # pages, whatever waits for models


async def test_without_a_language_model_its_jobs_go_with_the_others(store: Store) -> None:
    """A worker then says that there is none; with one, but no worker that has it, they wait."""
    await store.write(flood("org_a", 3, calls_llm=True))
    assert await deal(store, 10, llm_window=0) == []
    assert [seat.calls_llm for seat in await deal(store, 10)] == [False] * 3


async def test_an_urgent_flood_keeps_no_bulk_page_waiting(store: Store) -> None:
    """Priority orders what comes after everybody's first few jobs."""
    await store.write(flood("org_a", 100, priority=Priority.INTERACTIVE))
    await deal(store, 7)
    await store.write(flood("org_b", 10, priority=Priority.BULK))
    assert owners(await deal(store, 7)) == ["org_b"] * FEW


async def test_floods_share_the_window(store: Store) -> None:
    """Two organizations that flood have as many jobs in hand each, one after the other."""
    await store.write(flood("org_a", 100))
    await store.write(flood("org_b", 100, since=NOW + timedelta(seconds=1)))
    seats = await deal(store, 20, now=NOW + timedelta(seconds=1))
    normal = owners([seat for seat in seats if not seat.express])
    assert Counter(owners(seats)) == {"org_a": 10 + FEW, "org_b": 10 + FEW}
    assert {frozenset(normal[place : place + 2]) for place in range(0, 20, 2)} == {frozenset({"org_a", "org_b"})}


async def test_who_comes_later_catches_up(store: Store) -> None:
    """A second flood gets what room there is until both have as much in hand."""
    turns = Turns()
    await store.write(flood("org_a", 100))
    held = list(await deal(store, 10, turns))
    await store.write(flood("org_b", 100))
    await deal(store, 10, turns)
    for _ in range(5 + FEW):
        await finish(store, [held.pop(0)])
        assert "org_a" not in owners(await deal(store, 10, turns))
    assert await store.read(claims.held) == Held(usual={"org_a": 5, "org_b": 5}, llm={})


async def test_what_one_does_not_want_is_for_others(store: Store) -> None:
    """Seats beyond what a short line has go to the long one, in the same claim."""
    await store.write(flood("org_a", 100))
    await store.write(flood("org_b", FEW + 1))
    seats = await deal(store, 20)
    assert Counter(owners(seats)) == {"org_a": 19 + FEW, "org_b": 1 + FEW}


async def test_more_organizations_than_places_take_turns(store: Store) -> None:
    """Nobody starves where the window is smaller than the number of those who flood."""
    names = [f"org_{number:02}" for number in range(12)]
    for name in names:
        await store.write(flood(name, 20))
    turns, served = Turns(), Counter[str]()
    for _ in range(24):
        seats = await deal(store, 1, turns)
        served.update(owners(seats))
        await finish(store, seats)
    assert set(served) == set(names)
    assert max(served.values()) - min(served.values()) <= 2


async def test_within_an_organization_the_urgent_go_first(store: Store) -> None:
    """Then the older ones."""
    await store.write(flood("org_a", 10, priority=Priority.BULK))
    await store.write(flood("org_a", 3, priority=Priority.INTERACTIVE, since=NOW + timedelta(seconds=1)))
    seats = await deal(store, 4, now=NOW + timedelta(seconds=1))
    names = [seat.job.job_id for seat in seats]
    assert [name.split("_")[3] for name in names] == ["interactive"] * 3 + ["bulk"] * 3


async def test_jobs_that_are_not_due_wait(store: Store) -> None:
    """They are no reason to keep a seat, and it is known when the next of them is due."""
    due = NOW + timedelta(seconds=30)
    await store.write(flood("org_a", 3, due=due))
    await store.write(flood("org_b", 1))
    assert owners(await deal(store, 5)) == ["org_b"]
    assert await store.read(lambda: claims.next_due(NOW)) == due
    assert await store.read(lambda: claims.next_due(due)) is None
    assert owners(await deal(store, 5, now=due)) == ["org_a"] * 3


async def test_nothing_is_published_without_a_window(store: Store) -> None:
    """While no worker lives, jobs wait in the record."""
    await store.write(flood("org_a", 3))
    assert await deal(store, 0) == []
    assert await store.read(claims.held) == Held(usual={}, llm={})


async def test_many_lines_take_more_than_one_claim(store: Store) -> None:
    """One claim takes from a bounded number of lines; the next ones take from the others."""
    for number in range(40):
        await store.write(flood(f"org_{number:02}", 1))
    turns = Turns()
    first, second = await deal(store, 100, turns), await deal(store, 100, turns)
    assert len(first) < 40
    assert len({*owners(first), *owners(second)}) == 40


async def test_a_claim_says_that_there_may_be_more(store: Store) -> None:
    """Also where its looks at lines that were dry used it up, before it had many jobs."""
    turns = Turns()

    async def take(window: int) -> Dealt:
        return await store.write(lambda: claim(turns, NOW, LATER, window))

    for number in range(25):
        await store.write(flood(f"org_{number:02}", 1, priority=Priority.INTERACTIVE))
    assert len((await take(60)).seats) == 25
    for number in range(25):
        await store.write(flood(f"org_{number:02}", 1 if number < 7 else 10))
    dealt = await take(60)
    assert len(dealt.seats) < 32
    assert dealt.more
    assert (await take(60)).seats


async def test_a_line_gives_its_jobs_once(store: Store) -> None:
    """What was taken is not taken again, and a line that is dry gives less than asked for."""
    await store.write(flood("org_a", 5))
    line = Line(priority=PAGE, org_id="org_a")
    assert await store.read(lambda: claims.lines(NOW)) == [line]
    taken = [
        job.job_id
        for count in (2, 10, 1)
        for job in await store.write(lambda: claims.take(line, NOW, LATER, count))  # noqa: B023 - awaited at once
    ]
    assert sorted(taken) == [f"job_org_a_standard_{number:04}" for number in range(5)]
    assert await store.read(claims.held) == Held(usual={"org_a": 5}, llm={})
    assert await store.read(lambda: claims.lines(NOW)) == []


@pytest.mark.parametrize("statement", [claims._LINES, claims._NEXT_DUE])
async def test_a_long_line_costs_no_more_than_a_short_one(store: Store, store_url: str, statement: str) -> None:
    """Looking for whose turn it is jumps from line to line along the index, past however many jobs each has."""
    await store.write(flood("org_a", 2000))
    await store.write(flood("org_b", 1))
    explain = "EXPLAIN QUERY PLAN" if store_url.startswith("sqlite") else "EXPLAIN (ANALYZE, TIMING OFF)"

    def op() -> Op[list[Any]]:
        if not store_url.startswith("sqlite"):
            yield Statement("ANALYZE jobs")
        rows = yield Statement(f"{explain} {statement}", (0,))
        return [row[-1] for row in rows]

    plan = "\n".join(str(line) for line in await store.write(op))
    assert "ix_jobs_ready" in plan
    assert "SCAN jobs" not in plan
    assert "Seq Scan on jobs" not in plan
