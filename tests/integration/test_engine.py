"""The engine from submit to the last event, on both stores, with a worker at the other end of the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from docmill.blobs.memory import MemoryBlobStore
from docmill.bus.memory import MemoryBroker, MemoryBus
from docmill.domain.errors import (
    DocmillError,
    FailedPrecondition,
    Fault,
    InvalidArgument,
    MediaError,
    NotFound,
    Reason,
    SequenceOutOfRange,
)
from docmill.domain.messages import Beat, JobMessage, JobResult
from docmill.domain.models import EventKind, JobKind, Mode
from docmill.domain.states import PageState, RunState
from docmill.engine import Engine, Heartbeat, RunFilter, RunRequest, dispatch
from docmill.engine.context import Context
from docmill.engine.upload import one_chunk
from docmill.store import Store, claims, jobs
from tests.fixtures.engine import CALLER, QUICK, Bench, done, failed, lab_report, serving

CRASH = Fault(reason=Reason.WORKER_CRASHED, message="The page crashed its reader", retryable=True)
WRONG = Fault(reason=Reason.MEDIA_CORRUPT, message="The page cannot be read")
LIVE = replace(CALLER, mode=Mode.LIVE)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that the loops bring about."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition is the peer's list, which has no event
            await asyncio.sleep(0.005)


async def test_a_run_goes_through_its_pages_to_success(bench: Bench) -> None:
    """Accepted, planned, one event a page, the steps, success: numbered without gaps, all counted."""
    run_id = await bench.run()
    events = await bench.events(run_id)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    kinds = [event.kind for event in events]
    assert kinds[:2] == [EventKind.RUN_ACCEPTED, EventKind.RUN_PLANNED]
    assert kinds[-1] is EventKind.RUN_SUCCEEDED
    assert sorted(event.payload["page"] for event in events if event.kind is EventKind.PAGE_DONE) == [1, 2, 3]
    run = await bench.engine.get_run(CALLER, run_id)
    assert (run.state, run.pages_done, run.pages_total, run.engine_ms) == (RunState.SUCCEEDED, 3, 3, 9)
    assert run.started_at is not None
    assert run.ended_at is not None
    assert run.output_key


async def test_a_watch_resumes_from_any_number_after_the_end(bench: Bench) -> None:
    """Whatever number a watcher names, it gets exactly the events after it."""
    run_id = await bench.run()
    events = await bench.events(run_id)
    for after in range(len(events) + 1):
        assert await bench.events(run_id, after) == events[after:]
    with pytest.raises(SequenceOutOfRange):
        await bench.events(run_id, len(events) + 1)


async def test_a_page_that_crashes_is_tried_again(bench: Bench) -> None:
    """Two crashes of a page cost two more attempts and no page."""
    crashes = {2: 2}

    def answer(job: JobMessage) -> JobResult:
        if job.kind is JobKind.PAGE and crashes.get(job.page, 0) >= job.attempt:
            return failed(job, CRASH)
        return done(job)

    bench.peer.answer = answer
    events = await bench.events(await bench.run())
    assert [event.payload["page"] for event in events if event.kind is EventKind.PAGE_RETRIED] == [2, 2]
    assert events[-1].kind is EventKind.RUN_SUCCEEDED
    assert sorted(event.payload["page"] for event in events if event.kind is EventKind.PAGE_DONE) == [1, 2, 3]


async def test_a_page_that_cannot_be_read_fails_the_run(bench: Bench) -> None:
    """A final fault ends the run with its reason, and nothing more is dispatched."""
    bench.peer.answer = lambda job: failed(job, WRONG) if job.page == 2 else done(job)
    run_id = await bench.run()
    events = await bench.events(run_id)
    assert events[-1].kind is EventKind.RUN_FAILED
    run = await bench.engine.get_run(CALLER, run_id)
    assert run.fault is not None
    assert (run.fault.reason, run.fault.details["page"]) == (Reason.MEDIA_CORRUPT, "2")
    pages = await bench.engine.list_pages(CALLER, run_id, limit=10)
    assert all(page.state in {PageState.DONE, PageState.FAILED, PageState.CANCELLED} for page in pages.items)


async def test_a_flow_may_skip_pages_that_cannot_be_read(bench: Bench) -> None:
    """With `onPageFailure: skip` a run succeeds without the page, and says so."""
    await bench.engine.create_flow(CALLER, lab_report("patient", {"onPageFailure": "skip"}))
    bench.peer.answer = lambda job: failed(job, WRONG) if job.page == 2 else done(job)
    run_id = await bench.run(RunRequest(flow_id="patient", content=b"%PDF"))
    assert (await bench.events(run_id))[-1].kind is EventKind.RUN_SUCCEEDED
    run = await bench.engine.get_run(CALLER, run_id)
    assert (run.pages_done, run.pages_failed) == (2, 1)
    (job,) = [job for job in bench.peer.seen if job.kind is JobKind.DOCUMENT]
    assert list(job.page_keys) == ["pages/1.json", "", "pages/3.json"]


async def test_a_lost_attempt_comes_back_when_its_lease_runs_out(store: Store) -> None:
    """A job that a worker took and never answered is done again as the next attempt."""
    async with serving(store, replace(QUICK, lease=timedelta(seconds=1))) as bench:
        bench.peer.answer = lambda job: None if (job.page, job.attempt) == (1, 1) else done(job)
        events = await bench.events(await bench.run())
    assert events[-1].kind is EventKind.RUN_SUCCEEDED
    assert [event.payload["attempt"] for event in events if event.payload.get("page") == 1] == [1, 2]


async def test_what_was_claimed_and_never_published_is_soon_up_again(store: Store) -> None:
    """Of two processes one dies between claim and publish: the other one has the job after the short lease."""
    options = replace(QUICK, publishing=timedelta(seconds=1))
    dead = Engine(Context(store=store, blobs=MemoryBlobStore(), bus=MemoryBus(MemoryBroker()), options=options))
    await dead.prepare()
    chunks = one_chunk(b"%PDF-1.7 a document")
    document = await dead.upload_document(CALLER, filename="a.pdf", declared_type="application/pdf", chunks=chunks)
    dead.ctx.workers.saw(Beat(worker_id="peer", slots=8))
    (claimed,), _ = await store.write(lambda: dispatch.claim(dead.ctx, dead.ctx.now()))
    async with serving(store, options, starts=False) as bench:
        await until(lambda: bool(bench.peer.seen))
        (job,) = bench.peer.seen
        assert (job.job_id, job.attempt) == (claimed.job_id, claimed.attempt + 1)
        run = await bench.engine.run_flow(CALLER, RunRequest(flow_id="document-text", document_id=document.id))
        assert (await bench.ended(run.id)).state is RunState.SUCCEEDED


async def test_what_the_bus_has_is_leased_for_long(store: Store) -> None:
    """A job that waits on the bus for longer than publishing may take is not published anew."""

    async def lapsing(bench: Bench) -> list[str]:
        soon = bench.engine.ctx.now() + 2 * bench.engine.ctx.options.publishing
        return [job.id for job in await store.read(lambda: jobs.lapsed(soon, 10))]

    async with serving(store, QUICK) as bench:
        bench.peer.answer = lambda job: None if job.kind is JobKind.PAGE else done(job)
        await bench.run()
        async with asyncio.timeout(10):
            while len(bench.peer.seen) < 4 or await lapsing(bench):  # noqa: ASYNC110 - the record has no event for it
                await asyncio.sleep(0.005)
        assert (await store.read(claims.held)).usual == {"org_1": 3}


async def test_results_that_come_twice_or_late_change_nothing(bench: Bench) -> None:
    """A result of an attempt that does not count any more leaves no trace."""
    run_id = await bench.run()
    events = await bench.events(run_id)
    for job in list(bench.peer.seen):
        await bench.peer.bus.publish_result(done(replace(job, attempt=job.attempt + 1)))
    again = await bench.run()
    await bench.events(again)  # the late results were taken before this run's
    assert await bench.events(run_id) == events


async def test_cancel_is_immediate_and_final(bench: Bench) -> None:
    """A cancelled run ends at once, no page of it starts afterwards, and a second cancel says so."""
    bench.peer.answer = lambda job: None if job.kind is JobKind.PAGE else done(job)
    run_id = await bench.run()
    await until(lambda: any(job.kind is JobKind.PAGE for job in bench.peer.seen))
    cancelled = await bench.engine.cancel_run(CALLER, run_id)
    assert cancelled.state is RunState.CANCELLED
    assert (await bench.events(run_id))[-1].kind is EventKind.RUN_CANCELLED
    seen = len(bench.peer.seen)
    bench.peer.answer = done
    await bench.events(await bench.run())
    assert [job.run_id for job in bench.peer.seen[seen:]].count(run_id) == 0
    with pytest.raises(FailedPrecondition) as again:
        await bench.engine.cancel_run(CALLER, run_id)
    assert again.value.reason is Reason.RUN_ALREADY_CANCELLED
    ended_run = await bench.run()
    await bench.events(ended_run)
    with pytest.raises(FailedPrecondition) as ended:
        await bench.engine.cancel_run(CALLER, ended_run)
    assert ended.value.reason is Reason.RUN_NOT_CANCELLABLE


async def test_a_rejected_document_is_an_error_at_submit(bench: Bench) -> None:
    """When the probe is known in time, a document that cannot be opened is refused with the probe's reason."""
    locked = Fault(reason=Reason.MEDIA_ENCRYPTED, message="The PDF is encrypted")
    bench.peer.answer = lambda job: failed(job, locked)
    with pytest.raises(MediaError) as refused:
        await bench.run()
    assert refused.value.reason is Reason.MEDIA_ENCRYPTED
    assert (await bench.engine.list_runs(CALLER, RunFilter(), limit=5)).total == 0


async def test_a_probe_that_comes_late_decides_the_accepted_run(bench: Bench) -> None:
    """Without a probe in time the run is made, and ends with the probe's reason when it comes."""
    held: list[JobMessage] = []

    def answer(job: JobMessage) -> None:
        held.append(job)

    bench.peer.answer = answer
    run_id = await bench.run()
    locked = Fault(reason=Reason.MEDIA_ENCRYPTED, message="The PDF is encrypted")
    await bench.peer.bus.publish_result(failed(held[0], locked))
    assert (await bench.events(run_id))[-1].payload["reason"] == "MEDIA_ENCRYPTED"


@pytest.mark.parametrize(
    ("request_", "error", "reason"),
    [
        (RunRequest(flow_id="nothing", content=b"x"), NotFound, Reason.FLOW_NOT_FOUND),
        (RunRequest(flow_id="document-text", version="9.9.9", content=b"x"), NotFound, Reason.VERSION_NOT_FOUND),
        (RunRequest(flow_id="document-text"), InvalidArgument, Reason.DOCUMENT_MISSING),
        (RunRequest(flow_id="document-text", content=b""), MediaError, Reason.MEDIA_EMPTY),
        (RunRequest(flow_id="document-text", document_id="doc_none"), NotFound, Reason.DOCUMENT_NOT_FOUND),
        (
            RunRequest(flow_id="document-text", content=b"x", metadata={"a": "b" * 20_000}),
            InvalidArgument,
            Reason.FIELD_INVALID,
        ),
    ],
)
async def test_what_cannot_be_run_is_refused_before_anything_exists(
    bench: Bench, request_: RunRequest, error: type[DocmillError], reason: Reason
) -> None:
    """Each wrong request has its own reason, and leaves no run behind."""
    with pytest.raises(error) as refused:
        await bench.run(request_)
    assert refused.value.reason is reason
    assert (await bench.engine.list_runs(CALLER, RunFilter(), limit=5)).total == 0


async def test_a_job_that_no_message_can_hold_fails_its_run(store: Store) -> None:
    """A run whose work does not fit into a message ends with that reason, and others go on."""
    async with serving(store, QUICK, max_message=8000) as bench:
        wordy = RunRequest(flow_id="document-text", content=b"%PDF", variables={"note": "x" * 9000})
        refused = await bench.events(await bench.run(wordy))
        taken = await bench.events(await bench.run())
    assert refused[-1].payload["reason"] == "MEDIA_TOO_LARGE"
    assert taken[-1].kind is EventKind.RUN_SUCCEEDED


async def test_another_organization_sees_nothing(bench: Bench) -> None:
    """Runs and documents of another organization, or of the other mode, do not exist."""
    document_id = await bench.upload()
    run_id = await bench.run(RunRequest(flow_id="document-text", document_id=document_id))
    for stranger in (replace(CALLER, org_id="org_2"), LIVE):
        with pytest.raises(NotFound):
            await bench.engine.get_run(stranger, run_id)
        with pytest.raises(NotFound):
            await bench.engine.cancel_run(stranger, run_id)
        with pytest.raises(NotFound):
            await bench.engine.get_document(stranger, document_id)
        with pytest.raises(NotFound):
            async for _ in bench.engine.watch_run(stranger, run_id):
                pass
        assert (await bench.engine.list_runs(stranger, RunFilter(), limit=5)).total == 0
    await bench.events(run_id)


async def test_a_document_without_pages_fails_its_run(bench: Bench) -> None:
    """A probe that finds no page ends the run at once, with that reason."""
    bench.peer.answer = lambda job: done(job, pages=0)
    with pytest.raises(MediaError) as refused:
        await bench.run()
    assert refused.value.reason is Reason.MEDIA_EMPTY


async def test_an_idle_watch_says_that_it_lives(store: Store) -> None:
    """A watch without news sends a heartbeat at the number where it stands."""
    async with serving(store, replace(QUICK, heartbeat=QUICK.poll)) as bench:
        bench.peer.answer = lambda job: None if job.kind is JobKind.PAGE else done(job)
        run_id = await bench.run()
        async with asyncio.timeout(10):
            async for item in bench.engine.watch_run(CALLER, run_id):
                if isinstance(item, Heartbeat):
                    assert item.sequence == 2
                    break


async def test_a_run_that_misses_its_deadline_fails(bench: Bench) -> None:
    """A run that nobody finishes ends at its deadline, with that reason."""
    bench.peer.answer = lambda job: None if job.kind is JobKind.PAGE else done(job)
    run_id = await bench.run(RunRequest(flow_id="document-text", content=b"%PDF", timeout_s=0.3))
    assert (await bench.events(run_id))[-1].payload["reason"] == "DEADLINE"
