"""Batches from their documents to one results file and one word of their end, on both stores."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from docmill.blobs import BlobNotFound, BlobStore
from docmill.domain.batches import BatchEvent, BatchEventKind
from docmill.domain.errors import (
    FailedPrecondition,
    Fault,
    LimitReached,
    NotFound,
    Reason,
    SequenceOutOfRange,
)
from docmill.domain.messages import JobMessage, JobResult
from docmill.domain.models import JobKind
from docmill.domain.states import BatchState, RunState
from docmill.engine import BatchView, Heartbeat, RunFilter, advance, expire, follow
from docmill.store import Op, Statement, Store, batches, deliveries, runs
from docmill.store.batches import NewBatchEvent
from docmill.store.sql import open_store
from tests.fixtures.batching import (
    OWNER,
    answering,
    batching,
    completed,
    documents_used,
    keep_outputs,
    nothing_left,
    plans,
    probed,
    request,
    results,
    upload,
    watched,
)
from tests.fixtures.engine import CALLER, QUICK, Bench, done
from tests.fixtures.hooks import webhooks

UNREADABLE = Fault(reason=Reason.MEDIA_CORRUPT, message="The page cannot be read")
LOCKED = Fault(reason=Reason.MEDIA_ENCRYPTED, message="The document is protected by a password")


@pytest_asyncio.fixture
async def bench(store: Store) -> AsyncIterator[Bench]:
    """An engine whose one organization has a hundred documents a month."""
    async with batching(store) as bench:
        yield bench


async def test_broken_files_among_good_ones(bench: Bench) -> None:
    """The batch completes; each file's data or error stands in its place, with one event for each and the last one for all."""
    bench.peer.answer = answering({"b.pdf": UNREADABLE, "c.pdf": UNREADABLE})
    ids = await upload(bench, "a.pdf", "b.pdf", "c.pdf", "d.pdf")
    await keep_outputs(bench, ids)
    made = await bench.engine.create_batch(OWNER, request(ids, metadata={"ward": "B2"}))
    assert (made.batch.state, made.batch.files_total, made.progress.percent) == (BatchState.QUEUED, 4, 0)
    assert made.progress.seconds_left == 12
    ended = await completed(bench, made.batch.id)
    assert ended.batch.state is BatchState.COMPLETED
    assert (ended.batch.files_done, ended.batch.files_failed, ended.batch.metadata) == (4, 2, {"ward": "B2"})
    assert (ended.progress.percent, ended.progress.seconds_left) == (100, 0)
    found = await results(bench, made.batch.id)
    assert [(each["index"], each["fileName"], each["status"]) for each in found] == [
        (0, "a.pdf", "succeeded"),
        (1, "b.pdf", "failed"),
        (2, "c.pdf", "failed"),
        (3, "d.pdf", "succeeded"),
    ]
    assert (found[0]["data"], found[3]["data"]) == ({"place": 0}, {"place": 3})
    assert found[1]["error"]["code"] == "MEDIA_CORRUPT"
    assert found[1]["error"]["details"]["page"] in {"1", "2"}, "both are unreadable: whichever is answered first"
    assert "data" not in found[1]
    assert "error" not in found[0]
    events = [item for item in await watched(bench, made.batch.id) if isinstance(item, BatchEvent)]
    kinds = [event.kind for event in events]
    assert kinds[:2] == [BatchEventKind.BATCH_ACCEPTED, BatchEventKind.BATCH_STARTED]
    assert sorted(kinds[2:-1]) == [BatchEventKind.FILE_FAILED] * 2 + [BatchEventKind.FILE_SUCCEEDED] * 2
    assert {event.payload["file"]["index"] for event in events[2:-1]} == {0, 1, 2, 3}


async def test_runs_of_a_batch_are_ordinary_runs(bench: Bench) -> None:
    """They are listed, know their batch, its trace and its place at the end of the line, and can be read one by one."""
    made = await bench.engine.create_batch(OWNER, request(await upload(bench, "a.pdf", "b.pdf"), trace_id="a" * 32))
    await completed(bench, made.batch.id)
    listed = await bench.engine.list_runs(OWNER, RunFilter(), limit=10)
    assert {run.id for run in listed.items} == {file.run_id for file in made.files}
    assert {(run.batch_id, run.trace_id, run.priority) for run in listed.items} == {(made.batch.id, "a" * 32, "bulk")}


async def test_what_cannot_be_read_at_submit_fails_in_its_place(bench: Bench) -> None:
    """A document that is known to be broken is no reason to refuse the batch, not even when all are."""
    bench.peer.answer = answering({"locked.pdf": LOCKED}, JobKind.PROBE)
    ids = await upload(bench, "locked.pdf", "good.pdf")
    await probed(bench, ids)
    made = await bench.engine.create_batch(OWNER, request(ids))
    assert (await completed(bench, made.batch.id)).batch.files_failed == 1
    assert [each["status"] for each in await results(bench, made.batch.id)] == ["failed", "succeeded"]
    alone = await bench.engine.create_batch(OWNER, request(ids[:1] * 2))
    assert [file.state for file in alone.files] == [RunState.FAILED] * 2
    assert (await completed(bench, alone.batch.id)).batch.files_failed == 2
    assert [each["error"]["code"] for each in await results(bench, alone.batch.id)] == ["MEDIA_ENCRYPTED"] * 2
    assert await documents_used(bench) == 1


async def test_a_watch_goes_on_from_any_number(bench: Bench) -> None:
    """While the batch works and ever after; beyond the last number is an error, and another tenant's does not exist."""
    made = await bench.engine.create_batch(OWNER, request(await upload(bench, "a.pdf", "b.pdf", "c.pdf")))
    seen: list[int] = []
    async with asyncio.timeout(20):
        while not seen or seen[-1] < 6:  # accepted, started, three files, completed
            async for item in bench.engine.watch_batch(OWNER, made.batch.id, seen[-1] if seen else 0):
                if isinstance(item, BatchEvent):
                    seen.append(item.sequence)
                    break
    assert seen == [1, 2, 3, 4, 5, 6]
    for after in range(7):
        items = await watched(bench, made.batch.id, after)
        assert [item.sequence for item in items if isinstance(item, BatchEvent)] == seen[after:]
        assert isinstance(items[0], BatchView)
    with pytest.raises(SequenceOutOfRange):
        await watched(bench, made.batch.id, 7)
    for caller in (CALLER, replace(OWNER, org_id="org_2")):
        with pytest.raises(NotFound):
            await watched(bench, made.batch.id, caller=caller)
        with pytest.raises(NotFound):
            await bench.engine.cancel_batch(caller, made.batch.id)
        with pytest.raises(NotFound):
            await results(bench, made.batch.id, caller)


async def test_pages_show_while_files_are_open(bench: Bench) -> None:
    """A watch tells of pages before any file has ended; 99 % at most until the results are there."""
    asked: list[JobMessage] = []

    def answer(job: JobMessage) -> JobResult | None:
        if job.kind is JobKind.DOCUMENT:
            asked.append(job)
            return None
        return done(job, pages=3)

    bench.peer.answer = answer
    made = await bench.engine.create_batch(OWNER, request(await upload(bench, "a.pdf")))
    shown = []
    async with asyncio.timeout(20):
        async for item in bench.engine.watch_batch(OWNER, made.batch.id):
            if isinstance(item, BatchView):
                shown.append(item.progress)
            if shown[-1].pages_done == 3 and asked:
                bench.peer.answer = done
                await bench.peer.bus.publish_result(done(asked.pop()))
    assert [each.percent for each in shown] == sorted(each.percent for each in shown)
    assert any(each.pages_done == 3 and each.percent == 99 and each.pages_total == 3 for each in shown)
    assert all(each.percent < 100 for each in shown)


async def test_an_event_says_no_less_than_the_look_before_it(bench: Bench) -> None:
    """Another process may have read the pages for it before the look did, and recorded it after."""
    bench.peer.answer = lambda job: None if job.kind is JobKind.DOCUMENT else done(job, pages=3)
    made = await bench.engine.create_batch(OWNER, request(await upload(bench, "a.pdf")))
    late = NewBatchEvent(kind=BatchEventKind.BATCH_CANCELLED, payload={"progress": {"percent": 33}})

    def op() -> Op[None]:
        batch = yield from batches.get(made.batch.id, lock=True)
        assert batch is not None
        assert (yield from batches.change(batch, batch, [late], [], bench.engine.ctx.now()))

    async with asyncio.timeout(20):
        looked = 0
        async for item in bench.engine.watch_batch(OWNER, made.batch.id):
            if isinstance(item, BatchView) and item.progress.percent == 99:
                looked = item.progress.percent
                await bench.engine.ctx.store.write(op)
                bench.engine.ctx.notifier.notify(made.batch.id)
            elif isinstance(item, BatchEvent) and item.kind is late.kind:
                assert item.payload["progress"]["percent"] == looked == 99
                break


async def test_files_that_are_refused_at_once_count_when_they_are_shown(bench: Bench) -> None:
    """The first look says as much of them in percent as in files."""
    bench.peer.answer = answering({"locked.pdf": LOCKED}, JobKind.PROBE)
    ids = await upload(bench, "locked.pdf", "good.pdf")
    await probed(bench, ids)
    bench.peer.answer = lambda _: None
    made = await bench.engine.create_batch(OWNER, request(ids))
    assert made.files[0].state is RunState.FAILED
    assert (made.progress.percent, made.progress.files_done) == (0, 0)
    async with asyncio.timeout(20):
        async for item in bench.engine.watch_batch(OWNER, made.batch.id):
            if isinstance(item, BatchView):
                assert item.progress.percent == 50 * item.progress.files_done
            elif isinstance(item, BatchEvent) and item.kind is BatchEventKind.FILE_FAILED:
                break
    view = await bench.engine.get_batch(OWNER, made.batch.id)
    assert (view.progress.percent, view.progress.files_done, view.progress.files_failed) == (50, 1, 1)


async def test_an_idle_watch_says_that_it_lives(store: Store) -> None:
    """A watch without news sends a heartbeat at the number where it stands."""
    async with batching(store, options=replace(QUICK, heartbeat=QUICK.poll)) as bench:
        bench.peer.answer = lambda job: None if job.kind is JobKind.PAGE else done(job)
        made = await bench.engine.create_batch(OWNER, request(await upload(bench, "a.pdf")))
        async with asyncio.timeout(10):
            events = 0
            async for item in bench.engine.watch_batch(OWNER, made.batch.id):
                events += isinstance(item, BatchEvent)
                if isinstance(item, Heartbeat):
                    assert item.sequence == events
                    break


async def test_a_cancelled_batch_completes(bench: Bench) -> None:
    """What is done stays, the rest are errors in their places; only one that has ended cannot be cancelled."""
    quick = answering({})
    bench.peer.answer = lambda job: quick(job) if job.filename == "b.pdf" or job.kind is JobKind.PROBE else None
    ids = await upload(bench, "a.pdf", "b.pdf", "c.pdf")
    await keep_outputs(bench, ids)
    made = await bench.engine.create_batch(OWNER, request(ids))
    await bench.ended(made.files[1].run_id, OWNER)
    cancelled = await bench.engine.cancel_batch(OWNER, made.batch.id)
    assert cancelled.batch.cancelled_at is not None
    assert [file.state for file in cancelled.files] == [RunState.CANCELLED, RunState.SUCCEEDED, RunState.CANCELLED]
    ended = await completed(bench, made.batch.id)
    assert (ended.batch.files_done, ended.batch.files_failed) == (3, 2)
    found = await results(bench, made.batch.id)
    assert [each["status"] for each in found] == ["cancelled", "succeeded", "cancelled"]
    assert (found[0]["error"]["code"], found[1]["data"]) == ("RUN_CANCELLED", {"place": 1})
    assert await documents_used(bench) == 1
    with pytest.raises(FailedPrecondition) as refused:
        await bench.engine.cancel_batch(OWNER, made.batch.id)
    assert refused.value.reason is Reason.BATCH_NOT_CANCELLABLE


async def test_a_single_file_may_be_cancelled(bench: Bench) -> None:
    """By its run; the batch goes on."""
    bench.peer.answer = lambda job: done(job) if job.kind is JobKind.PROBE else None
    made = await bench.engine.create_batch(OWNER, request(await upload(bench, "a.pdf")))
    with pytest.raises(FailedPrecondition) as early:
        await results(bench, made.batch.id)
    assert early.value.reason is Reason.BATCH_NOT_COMPLETED
    await bench.engine.cancel_run(OWNER, made.files[0].run_id)
    assert (await completed(bench, made.batch.id)).batch.cancelled_at is None


async def test_a_large_batch_keeps_to_the_limits(store: Store) -> None:
    """No more runs are at work than the plan allows; a line that is too short refuses the batch whole."""
    async with batching(store, plans(concurrentRuns=2, queueFactor=5)) as bench:
        ids = await upload(bench, *(f"{number}.pdf" for number in range(12)))
        with pytest.raises(LimitReached) as refused:
            await bench.engine.create_batch(OWNER, request([*ids, ids[0]]))
        assert refused.value.reason is Reason.QUEUE_FULL
        await nothing_left(bench)
        at_work: set[str] = set()
        most = 0

        def answer(job: JobMessage) -> JobResult:
            nonlocal most
            if job.kind is JobKind.PAGE:
                at_work.add(job.run_id)
                most = max(most, len(at_work))
            if job.kind is JobKind.DOCUMENT:
                at_work.discard(job.run_id)
            return done(job, pages=1)

        bench.peer.answer = answer
        made = await bench.engine.create_batch(OWNER, request(ids))
        assert (await completed(bench, made.batch.id)).batch.files_failed == 0
        assert 1 <= most <= 2


async def test_lists_of_batches(bench: Bench) -> None:
    """Newest first, by state, page by page; each as far as it is."""
    ids = await upload(bench, "a.pdf")
    made = [await bench.engine.create_batch(OWNER, request(ids)) for _ in range(3)]
    for view in made:
        await completed(bench, view.batch.id)
    bench.peer.answer = lambda _: None
    idle = await bench.engine.create_batch(OWNER, request(await upload(bench, "b.pdf")))
    expected = [idle.batch.id, *(view.batch.id for view in reversed(made))]
    first = await bench.engine.list_batches(OWNER, limit=3)
    rest = await bench.engine.list_batches(OWNER, limit=3, page_token=first.next_page_token)
    assert [view.batch.id for view in (*first.items, *rest.items)] == expected
    assert (first.total, rest.total, rest.next_page_token) == (4, 4, "")
    assert [view.progress.percent for view in first.items] == [0, 100, 100]
    done_ones = await bench.engine.list_batches(OWNER, frozenset({BatchState.COMPLETED}), limit=10)
    assert [view.batch.id for view in done_ones.items] == expected[1:]
    assert (await bench.engine.list_batches(CALLER, limit=10)).items == []


async def test_a_crash_between_the_results_and_the_commit(store: Store) -> None:
    """The file is there and nobody says so; the next attempts, however many, write the same bytes and complete it once."""
    still = replace(QUICK, sweep=timedelta(hours=1))
    async with batching(store, options=still) as bench:
        ctx = bench.engine.ctx
        bench.peer.answer = answering({"a.pdf": UNREADABLE})
        ids = await upload(bench, "a.pdf", "b.pdf")
        await keep_outputs(bench, ids)
        ended = await bench.engine.create_batch(OWNER, request(ids))
        await completed(bench, ended.batch.id)

        def crash() -> Op[None]:
            """The record as it was before the last transaction."""
            yield Statement("DELETE FROM batch_events WHERE kind = 'batch.completed'")
            yield Statement(
                "UPDATE batches SET state = 'PROCESSING', results_key = '', completed_at = NULL, "
                "last_sequence = last_sequence - 1"
            )

        before = await results(bench, ended.batch.id)
        await store.write(crash)
        batch = await store.read(lambda: batches.get(ended.batch.id))
        assert batch is not None
        with pytest.raises(FailedPrecondition):
            await results(bench, ended.batch.id)
        assert (await bench.engine.get_batch(OWNER, ended.batch.id)).progress.percent == 99
        key = await follow.write_results(ctx, batch)
        bytes_before = await ctx.blobs.get(key)
        await asyncio.gather(*(follow.follow(ctx, ended.batch.id) for _ in range(3)))
        assert await ctx.blobs.get(key) == bytes_before
        assert await results(bench, ended.batch.id) == before
        await completed(bench, ended.batch.id)


async def test_what_nobody_noted_is_found(bench: Bench) -> None:
    """A process that died after a run's end, before it told: the look of every second carries the batch on."""
    bench.peer.answer = lambda _: None
    made = await bench.engine.create_batch(OWNER, request(await upload(bench, "a.pdf")))

    def end() -> Op[None]:
        run = yield from runs.get(made.files[0].run_id, lock=True)
        assert run is not None
        recipe = yield from bench.engine.ctx.catalog.recipe(run.org_id, run.flow_id, run.flow_version)
        assert recipe is not None
        assert (yield from advance.cancel_run(run, recipe, bench.engine.ctx.now()))

    await bench.engine.ctx.store.write(end)
    assert (await completed(bench, made.batch.id)).batch.files_done == 1


async def test_a_batch_of_a_hundred(bench: Bench) -> None:
    """All of them, in order, with one event each."""
    bench.peer.answer = answering({}, pages=1)
    ids = await upload(bench, *(f"{number}.pdf" for number in range(100)))
    await keep_outputs(bench, ids)
    made = await bench.engine.create_batch(OWNER, request(ids))
    ended = await completed(bench, made.batch.id)
    assert ended.batch.last_sequence == 103
    assert [each["data"]["place"] for each in await results(bench, made.batch.id)] == list(range(100))
    assert await bench.engine.ctx.store.read(lambda: deliveries.of_batch(made.batch.id)) == []


async def test_results_by_their_link_wherever_they_lie(sqlite_url: str, blobs: BlobStore) -> None:
    """In memory, a folder or a bucket: whole for whoever has the link, and gone with the batch's time."""
    store = await open_store(sqlite_url)
    async with batching(store, blobs=blobs, webhooks=webhooks()) as bench:
        bench.peer.answer = answering({"b.pdf": UNREADABLE})
        ids = await upload(bench, "a.pdf", "b.pdf")
        await keep_outputs(bench, ids)
        made = await bench.engine.create_batch(OWNER, request(ids))
        view = await completed(bench, made.batch.id)
        pieces = [piece async for piece in bench.engine.download_results(view.results_token)]
        assert {batch_id for batch_id, _ in pieces} == {made.batch.id}
        entries = json.loads(b"".join(data for _, data in pieces))
        assert entries == await results(bench, made.batch.id)
        assert [(entry["index"], entry["status"]) for entry in entries] == [(0, "succeeded"), (1, "failed")]
        later = bench.engine.ctx.now() + timedelta(days=31)
        object.__setattr__(bench.engine.ctx, "now", lambda: later)
        await expire.expire_once(bench.engine.ctx)
        for key in (view.batch.results_key, *(f"documents/{OWNER.org_id}/{each}" for each in ids)):
            with pytest.raises(BlobNotFound):
                await blobs.size(key)
    await store.aclose()
