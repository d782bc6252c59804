"""What the record says of batches, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from docmill.domain.batches import Batch, BatchEventKind
from docmill.domain.deliveries import DeliveryEvent, Webhook
from docmill.domain.models import Mode, Priority, Run
from docmill.domain.states import BatchState, RunState
from docmill.store import Op, Store, batches, deliveries, quotas, runs
from docmill.store.batches import BatchQuery, Claim, NewBatchEvent
from tests.fixtures.record import surroundings

NOW = datetime(2026, 11, 26, tzinfo=UTC)
COMPLETED = NewBatchEvent(kind=BatchEventKind.BATCH_COMPLETED)


def a_batch(name: str = "batch_1", *, after: int = 0, state: BatchState = BatchState.QUEUED) -> Batch:
    """A batch of two files, made so many seconds after the first one."""
    return Batch(
        id=name,
        org_id="org_1",
        mode=Mode.LIVE,
        flow_id="flow",
        flow_version="1.0.0",
        state=state,
        files_total=2,
        metadata={"ward": "B2"},
        created_at=NOW + timedelta(seconds=after),
        trace_id="0" * 32,
    )


def a_run(name: str, *, state: RunState = RunState.QUEUED, counted: bool = True, batch: str = "batch_1") -> Run:
    """A run over the one document."""
    return Run(
        id=name,
        org_id="org_1",
        mode=Mode.LIVE,
        flow_id="flow",
        flow_version="1.0.0",
        document_id="doc",
        state=state,
        priority=Priority.BULK,
        created_at=NOW,
        batch_id=batch,
        documents_reserved=int(counted),
    )


def recorded(batch: Batch, made: Sequence[Run], claim: Claim | None = None) -> Op[None]:
    """A batch with its runs."""
    assert (yield from batches.insert(batch, claim))
    for run in made:
        yield from runs.insert(run)
    yield from batches.add_files(batch.id, [run.id for run in made])


def started(batch: Batch) -> Op[Batch]:
    """The batch, at work."""
    event = NewBatchEvent(kind=BatchEventKind.BATCH_STARTED, payload={"n": 1})
    to = replace(batch, state=BatchState.PROCESSING, started_at=NOW)
    changed = yield from batches.change(batch, to, [event], [], NOW)
    assert changed is not None
    return changed


async def test_a_batch_comes_back_as_it_was(store: Store) -> None:
    """With its files in order, each with its run's progress; a run knows its batch."""
    await store.write(lambda: surroundings(NOW))
    await store.write(lambda: recorded(a_batch(), [a_run("run_2"), a_run("run_1", state=RunState.FAILED)]))
    assert await store.read(lambda: batches.get("batch_1")) == a_batch()
    assert await store.read(lambda: batches.get("batch_2")) is None
    found = await store.read(lambda: batches.files("batch_1", "batch_2"))
    assert found["batch_2"] == []
    assert [(file.index, file.run_id, file.state, file.filename) for file in found["batch_1"]] == [
        (0, "run_2", RunState.QUEUED, "a.pdf"),
        (1, "run_1", RunState.FAILED, "a.pdf"),
    ]
    run = await store.read(lambda: runs.get("run_2"))
    assert run == a_run("run_2")


async def test_changes_follow_the_arrows(store: Store) -> None:
    """Events get numbers without gaps; a stale batch, or a change that no arrow allows, writes nothing."""
    await store.write(lambda: surroundings(NOW))
    batch = a_batch()
    await store.write(lambda: recorded(batch, [a_run("run_1"), a_run("run_2")]))
    completed = replace(batch, state=BatchState.COMPLETED)
    assert await store.write(lambda: batches.change(batch, completed, [COMPLETED], [], NOW)) is None
    working = await store.write(lambda: started(batch))
    assert await store.write(lambda: batches.change(batch, batch, [COMPLETED], [0], NOW)) is None
    file = NewBatchEvent(kind=BatchEventKind.FILE_FAILED)
    counted = replace(working, files_done=2, files_failed=1, results_key="k", state=BatchState.COMPLETED)
    ended = await store.write(lambda: batches.change(working, counted, [file, COMPLETED], [1], NOW))
    assert ended == replace(counted, last_sequence=3)
    assert await store.read(lambda: batches.get("batch_1")) == ended
    files = (await store.read(lambda: batches.files("batch_1")))["batch_1"]
    assert [each.counted for each in files] == [False, True]
    assert await store.write(lambda: batches.change(ended, working, [], [], NOW)) is None
    events = await store.read(lambda: batches.events("batch_1", 1, 10))
    assert [(event.sequence, event.kind) for event in events] == [
        (2, BatchEventKind.FILE_FAILED),
        (3, BatchEventKind.BATCH_COMPLETED),
    ]
    (first,) = await store.read(lambda: batches.events("batch_1", 0, 1))
    assert first.payload == {"n": 1}


async def test_a_key_makes_one_batch(store: Store) -> None:
    """For a day; after that the key is free again."""
    await store.write(lambda: surroundings(NOW))
    claim = Claim(key="k", request_sha256="r", since=NOW)
    assert await store.write(lambda: batches.insert(a_batch(), claim))
    assert not await store.write(lambda: batches.insert(a_batch("batch_2"), claim))
    assert await store.write(lambda: batches.insert(replace(a_batch("batch_3"), mode=Mode.TEST), claim))
    assert await store.read(lambda: batches.find_by_key("org_1", Mode.LIVE, claim)) == (a_batch(), "r")
    later = replace(claim, since=NOW + timedelta(days=1))
    assert await store.read(lambda: batches.find_by_key("org_1", Mode.LIVE, later)) is None
    newer = a_batch("batch_4", after=100_000)
    assert await store.write(lambda: batches.insert(newer, later))
    assert await store.read(lambda: batches.find_by_key("org_1", Mode.LIVE, claim)) == (newer, "r")


async def test_batches_that_are_behind(store: Store) -> None:
    """Those whose runs started or ended without their knowing, and those that have yet to complete."""
    await store.write(lambda: surroundings(NOW))
    await store.write(lambda: recorded(a_batch("idle"), [a_run("run_1", batch="idle")]))
    running = a_run("run_2", state=RunState.RUNNING, batch="starting")
    await store.write(lambda: recorded(a_batch("starting", after=1), [running]))
    ended = a_run("run_3", state=RunState.CANCELLED, batch="ended")
    await store.write(lambda: recorded(a_batch("ended", after=2), [ended]))
    assert await store.read(lambda: batches.behind(10)) == ["starting", "ended"]
    assert await store.read(lambda: batches.behind(1)) == ["starting"]
    await store.write(lambda: started(a_batch("starting", after=1)))
    working = await store.write(lambda: started(a_batch("ended", after=2)))
    await store.write(lambda: batches.change(working, replace(working, files_done=1), [], [0], NOW))
    assert await store.read(lambda: batches.behind(10)) == []
    whole = replace(working, files_done=2)
    await store.write(lambda: batches.change(replace(working, files_done=1), whole, [], [], NOW))
    assert await store.read(lambda: batches.behind(10)) == ["ended"]
    await store.write(lambda: batches.change(whole, replace(whole, state=BatchState.COMPLETED), [], [], NOW))
    assert await store.read(lambda: batches.behind(10)) == []


async def test_lists_go_on_where_they_stopped(store: Store) -> None:
    """Newest first, by state, and only one's own."""
    for number in range(4):
        state = BatchState.COMPLETED if number % 2 else BatchState.QUEUED
        await store.write(lambda: batches.insert(a_batch(f"batch_{number}", after=number, state=state), None))  # noqa: B023 - awaited at once
    await store.write(lambda: batches.insert(replace(a_batch("test"), mode=Mode.TEST), None))
    query = BatchQuery(org_id="org_1", mode=Mode.LIVE)
    found = await store.read(lambda: batches.find(query, 3))
    assert [batch.id for batch in found] == ["batch_3", "batch_2", "batch_1"]
    rest = replace(query, before=(found[-1].created_at, found[-1].id))
    assert [batch.id for batch in await store.read(lambda: batches.find(rest, 3))] == ["batch_0"]
    assert await store.read(lambda: batches.count(rest)) == 4
    done = replace(rest, states=frozenset({BatchState.COMPLETED, BatchState.PROCESSING}))
    assert await store.read(lambda: batches.find(done, 3)) == []
    assert await store.read(lambda: batches.count(done)) == 2


async def test_word_of_a_batch_is_sent_once(store: Store) -> None:
    """A delivery for a batch that somebody wants word of, claimed like any other; what it sends can be kept."""
    await store.write(lambda: surroundings(NOW))
    await store.write(lambda: recorded(a_batch(), [a_run("run_1"), a_run("run_2")]))
    webhook = Webhook(batch_id="batch_1", url="https://a.example/x", host="a.example", secret="s", format="f")
    await store.write(lambda: deliveries.subscribe(webhook))
    assert await store.write(lambda: deliveries.announce_batch("dlv_1", a_batch(), NOW))
    await store.write(lambda: batches.insert(a_batch("quiet"), None))
    assert not await store.write(lambda: deliveries.announce_batch("dlv_2", a_batch("quiet"), NOW))
    lease = NOW + timedelta(seconds=30)
    assert not await store.write(lambda: deliveries.claim(NOW, lease, 5, ["a.example"], []))
    (parcel,) = await store.write(lambda: deliveries.claim(NOW, lease, 5, ["b.example"], []))
    assert (parcel.batch_id, parcel.run_id, parcel.event) == ("batch_1", "", DeliveryEvent.BATCH_COMPLETED)
    assert (parcel.url, parcel.host, parcel.secret, parcel.format) == ("https://a.example/x", "a.example", "s", "f")
    assert await store.write(lambda: deliveries.keep_body("dlv_1", "one")) == "one"
    assert await store.write(lambda: deliveries.keep_body("dlv_1", "two")) == "one"
    (delivery,) = await store.read(lambda: deliveries.of_batch("batch_1"))
    assert (delivery.id, delivery.batch_id, delivery.run_id) == ("dlv_1", "batch_1", "")


async def test_documents_of_a_month(store: Store) -> None:
    """They are taken whole or not at all, given back, and those of another month or organization are others."""
    assert await store.write(lambda: quotas.take("org_1", "2026-11", 60, 100))
    assert not await store.write(lambda: quotas.take("org_1", "2026-11", 41, 100))
    assert await store.write(lambda: quotas.take("org_1", "2026-11", 40, 100))
    assert not await store.write(lambda: quotas.take("org_1", "2026-12", 101, 100))
    assert await store.write(lambda: quotas.take("org_2", "2026-11", 1000, None))
    await store.write(lambda: quotas.give_back("org_1", "2026-11", 10))
    assert [await store.read(lambda: quotas.used(org, "2026-11")) for org in ("org_1", "org_2", "org_3")] == [  # noqa: B023 - awaited at once
        90,
        1000,
        0,
    ]


async def test_documents_by_day(store: Store) -> None:
    """What counts, on the days of its acceptance; what failed does not, nor what no plan counts."""
    await store.write(lambda: surroundings(NOW))
    made = [
        a_run("run_1", state=RunState.SUCCEEDED),
        replace(a_run("run_2"), created_at=NOW + timedelta(hours=23)),
        replace(a_run("run_3"), created_at=NOW + timedelta(hours=24)),
        a_run("run_4", state=RunState.FAILED),
        a_run("run_5", counted=False),
    ]
    for run in made:
        await store.write(lambda: runs.insert(run))  # noqa: B023 - awaited at once
    days = await store.read(lambda: quotas.by_day("org_1", Mode.LIVE, NOW, NOW + timedelta(days=5)))
    assert days == [(date(2026, 11, 26), 2), (date(2026, 11, 27), 1)]
