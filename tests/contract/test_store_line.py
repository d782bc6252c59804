"""What the record says of the line of an organization, on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from docmill.domain.models import Mode, Priority, Run
from docmill.domain.states import RunState
from docmill.store import Op, Store, line, runs
from tests.fixtures.record import surroundings

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def run(
    name: str,
    *,
    after: int = 0,
    priority: Priority = Priority.STANDARD,
    mode: Mode = Mode.LIVE,
    state: RunState = RunState.QUEUED,
    is_in: bool = False,
) -> Run:
    """A run made so many seconds after the first one."""
    at = NOW + timedelta(seconds=after)
    return Run(
        id=name,
        org_id="org_1",
        mode=mode,
        flow_id="flow",
        flow_version="1.0.0",
        document_id="doc",
        state=state,
        priority=priority,
        created_at=at,
        admitted_at=at if is_in else None,
    )


def record(*made: Run) -> Op[None]:
    """An organization, a document and runs over it."""
    yield from surroundings(NOW)
    for each in made:
        yield from runs.insert(each)


async def test_the_order_of_the_line(store: Store) -> None:
    """By priority, then age, then id; whoever ended, was let in or is of the other mode is not in it."""
    made = [
        run("bulk", priority=Priority.BULK),
        run("b", after=1),
        run("a", after=1),
        run("older", after=0),
        run("urgent", after=9, priority=Priority.INTERACTIVE),
        run("in", is_in=True),
        run("ended", state=RunState.CANCELLED),
        run("test", mode=Mode.TEST),
    ]
    await store.write(lambda: record(*made))
    first = await store.write(lambda: line.first("org_1", Mode.LIVE, 10))
    assert list(first) == ["urgent", "older", "a", "b", "bulk"]
    assert list(await store.write(lambda: line.first("org_1", Mode.LIVE, 2))) == ["urgent", "older"]
    assert await store.read(lambda: line.count_waiting("org_1", Mode.LIVE)) == 5
    placed = await store.read(lambda: line.all_placed(made))
    assert {each.id: each.queue_position for each in placed} == {
        **{name: place for place, name in enumerate(first, start=1)},
        **dict.fromkeys(("in", "ended")),
        "test": None,
    }
    for each in placed[:7]:
        assert await store.read(lambda: line.placed(each)) == each  # noqa: B023 - awaited at once


async def test_who_is_in(store: Store) -> None:
    """Open runs that were let in count, of the organization and mode."""
    made = [
        run("queued", is_in=True),
        run("running", is_in=True, state=RunState.RUNNING),
        run("ended", is_in=True, state=RunState.SUCCEEDED),
        run("waits"),
        run("test", mode=Mode.TEST, is_in=True),
    ]
    await store.write(lambda: record(*made))
    assert await store.read(lambda: line.count_in("org_1", Mode.LIVE)) == 2
    assert await store.read(lambda: line.count_in("org_1", Mode.TEST)) == 1
    assert await store.read(lambda: line.count_in("org_2", Mode.LIVE)) == 0
    (found,) = await store.read(line.lines)
    assert found == line.Line(org_id="org_1", mode=Mode.LIVE, plan_id="small", runs_in=2)


async def test_the_plan_comes_with_the_lock(store: Store) -> None:
    """One statement locks and tells; an organization that is not recorded has no plan."""
    await store.write(record)
    assert await store.write(lambda: line.lock("org_1")) == "small"
    assert await store.write(lambda: line.lock("org_2")) == ""
    assert await store.read(lambda: line.plan_of("org_1")) == "small"
    assert await store.read(lambda: line.plan_of("org_2")) == ""
