"""Results from the bus into the record. Order of effects: commit, then ack, then tell."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import structlog

from docmill.bus import ResultDelivery
from docmill.domain.errors import Fault, Reason
from docmill.domain.messages import Hint, HintKind, JobResult
from docmill.domain.models import Job, JobKind, Run
from docmill.engine import admission, advance, cancel
from docmill.engine.catalog import Recipe
from docmill.engine.context import Context
from docmill.store import Op, StoreUnavailable, deliveries, documents, jobs, runs

log = structlog.get_logger(__name__)

_BATCH = 256
_FETCH_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What results changed."""

    runs: tuple[Run, ...] = ()
    document_id: str = ""
    """Set when a probe ended."""
    picture_id: str = ""
    """Set when a RENDER job ended: its id."""
    mail: bool = False
    """Word of an end is to be sent."""


async def run(ctx: Context) -> None:
    """Take results of both lanes, for ever."""
    async with asyncio.TaskGroup() as lanes:
        for express in (True, False):
            lanes.create_task(_take(ctx, express=express))


async def _take(ctx: Context, *, express: bool) -> None:
    """Take one lane's results. Those of express jobs are recorded at once, others in company where that saves work."""
    async with ctx.bus.results(express=express) as source:
        while True:
            deliveries = await source.fetch(_BATCH, _FETCH_SECONDS)
            await asyncio.gather(*(_collect(ctx, group) for group in _by_run(deliveries)))
            if deliveries:
                ctx.workers.ended(len(deliveries))
                ctx.work.set()
            if not express:
                await asyncio.sleep(ctx.workers.patience)


def _by_run(deliveries: Sequence[ResultDelivery]) -> Iterable[Sequence[ResultDelivery]]:
    """What came for one run together, in order; probes, which have none, each alone."""
    groups: defaultdict[str | int, list[ResultDelivery]] = defaultdict(list)
    for number, delivery in enumerate(deliveries):
        groups[delivery.result.run_id or number].append(delivery)
    return groups.values()


async def collect(ctx: Context, result: JobResult) -> None:
    """Record a result that did not come over the bus, and tell who waits."""
    await tell(ctx, await ctx.store.write(lambda: record(ctx, result)))


async def _collect(ctx: Context, group: Sequence[ResultDelivery]) -> None:
    """One operation for all results of a run: its row is read and locked once, and its watchers are told once."""
    results = [delivery.result for delivery in group]
    try:
        collected = await ctx.store.write(lambda: record(ctx, *results))
    except StoreUnavailable:
        return  # not acked: it is delivered again
    except Exception:
        if len(group) > 1:  # the one that cannot be recorded must not keep the others out
            for delivery in group:
                await _collect(ctx, [delivery])
            return
        log.exception("a result could not be recorded", event_key="collect.failed", job=results[0].job_id)
        return
    for delivery in group:
        await delivery.ack()
    await tell(ctx, collected)


async def tell(ctx: Context, collected: Collected) -> None:
    """Wake who waits: here at once, in other processes by a hint."""
    topics = [(changed.id, changed.last_sequence) for changed in collected.runs]
    topics += [(topic, 0) for topic in (collected.document_id, collected.picture_id) if topic]
    for topic, sequence in topics:
        ctx.notifier.notify(topic)
        await ctx.bus.publish_hint(Hint(kind=HintKind.RUN_ADVANCED, run_id=topic, sequence=sequence))
    ctx.agenda.note_runs(collected.runs)
    if collected.mail:
        ctx.mail.set()
    for changed in collected.runs:
        if changed.batch_id:
            ctx.notifier.notify(changed.batch_id)
        if changed.state.is_terminal and changed.fault is not None:
            await cancel.stop_work(ctx, changed)


def record(ctx: Context, *results: JobResult) -> Op[Collected]:
    """Write what a probe, or results of one run, say; nothing for an attempt that does not count."""
    if results[0].kind is JobKind.PROBE:
        return (yield from _probe(ctx, results[0]))
    if results[0].kind is JobKind.RENDER:
        return (yield from _picture(ctx, results[0]))
    run = yield from runs.get(results[0].run_id, lock=True)
    if run is None or run.state.is_terminal:
        return Collected()
    recipe = yield from _recipe(ctx, run)
    read = [result for result in results if result.kind is JobKind.PAGE and result.fault is None]
    changed = yield from advance.pages_read(run, recipe, read, ctx.now())
    for result in results:
        run = changed or run
        if run.state.is_terminal:
            break
        if result.fault is not None:
            job = yield from _job_of(result)
            if job is not None:
                changed = (yield from attempt_failed(ctx, run, recipe, job, result.fault)) or changed
        elif result.kind is JobKind.DOCUMENT:
            changed = (yield from advance.document_made(run, recipe, result, ctx.now())) or changed
    return (yield from with_admitted(ctx, changed))


def with_admitted(ctx: Context, *changed: Run | None) -> Op[Collected]:
    """Runs that changed (None: nothing did), and those that are let in because of it. The last words of an operation."""
    told = [run for run in changed if run is not None]
    for run in tuple(told):
        told += yield from admission.changed(ctx, run)
    mail = yield from deliveries.any_of([run.id for run in told if run.state.is_terminal])
    return Collected(runs=tuple(told), mail=mail)


def attempt_failed(ctx: Context, run: Run, recipe: Recipe, job: Job, fault: Fault) -> Op[Run | None]:
    """An attempt of a job of the locked, open run failed: once more, or what its end means for the run."""
    now = ctx.now()
    delay = ctx.options.retry.delay_after(job.failures + 1, fault)
    if delay is not None:
        return (yield from advance.attempt_retried(run, job, fault, delay, now))
    return (yield from attempts_used_up(ctx, run, recipe, job, fault))


def attempts_used_up(ctx: Context, run: Run, recipe: Recipe, job: Job, fault: Fault) -> Op[Run | None]:
    """No further attempt of the job follows: what that means for the locked, open run."""
    now = ctx.now()
    if job.kind is JobKind.PAGE:
        return (yield from advance.page_lost(run, recipe, job, fault, now))
    if not (yield from jobs.fail(job.id, job.attempt, fault)):
        return None
    return (yield from advance.fail_run(run, recipe, fault, now))


def lone_attempt_failed(ctx: Context, job: Job, fault: Fault) -> Op[Collected]:
    """An attempt of a job that belongs to no run failed: once more, or what its end means."""
    delay = ctx.options.retry.delay_after(job.failures + 1, fault)
    if delay is not None:
        yield from jobs.retry(job, advance.later(ctx.now(), delay), failed=True)
        return Collected()
    return (yield from lone_attempts_used_up(ctx, job, fault))


def lone_attempts_used_up(ctx: Context, job: Job, fault: Fault) -> Op[Collected]:
    """No further attempt follows: no picture, or a document that is rejected, and with it the runs that wait for it."""
    if not (yield from jobs.fail(job.id, job.attempt, fault)):
        return Collected()
    if job.kind is JobKind.RENDER:
        return Collected(picture_id=job.id)
    yield from documents.set_rejected(job.document_id, fault)
    return (yield from plan_waiting(ctx, job.document_id))


def _probe(ctx: Context, result: JobResult) -> Op[Collected]:
    if result.fault is not None or result.probe is None:
        fault = result.fault or Fault(reason=Reason.INTERNAL, message="The document could not be looked at")
        job = yield from _job_of(result)
        return (yield from lone_attempt_failed(ctx, job, fault)) if job else Collected()
    if not (yield from jobs.succeed(result)):
        return Collected()
    yield from documents.set_probed(result.document_id, result.probe)
    return (yield from plan_waiting(ctx, result.document_id))


def _picture(ctx: Context, result: JobResult) -> Op[Collected]:
    if result.fault is not None:
        job = yield from _job_of(result)
        return (yield from lone_attempt_failed(ctx, job, result.fault)) if job else Collected()
    return Collected(picture_id=result.job_id if (yield from jobs.succeed(result)) else "")


def plan_waiting(ctx: Context, document_id: str) -> Op[Collected]:
    """Plan every run that was accepted before its document was probed."""
    document = yield from documents.get(document_id)
    if document is None:
        return Collected()
    planned = []
    for run in (yield from _locked((yield from runs.waiting_for(document_id)))):
        if run is None or run.state.is_terminal or run.pages_total is not None:
            continue
        recipe = yield from _recipe(ctx, run)
        changed = yield from advance.plan_run(run, recipe, document, ctx.now())
        if changed:
            planned.append(changed)
    return replace((yield from with_admitted(ctx, *planned)), document_id=document_id)


def _locked(run_ids: Sequence[str]) -> Op[list[Run | None]]:
    """All the runs, locked before any of them moves credits: see store/ledger."""
    found = []
    for run_id in run_ids:
        run = yield from runs.get(run_id, lock=True)
        found.append(run)
    return found


def _recipe(ctx: Context, run: Run) -> Op[Recipe]:
    recipe = yield from ctx.catalog.recipe(run.org_id, run.flow_id, run.flow_version)
    assert recipe is not None  # versions are never deleted
    return recipe


def _job_of(result: JobResult) -> Op[Job | None]:
    """The job, if the result is of the attempt that counts."""
    job = yield from jobs.get(result.job_id)
    return job if job is not None and job.attempt == result.attempt else None
