"""What nobody reported: leases that ran out, deadlines that passed, runs that wait although there is room."""

from __future__ import annotations

import asyncio

import structlog

from docmill.domain.errors import Fault, Reason
from docmill.domain.models import Job
from docmill.domain.states import JobState
from docmill.engine import admission, advance, collect
from docmill.engine.collect import Collected
from docmill.engine.context import Context
from docmill.store import Op, StoreUnavailable, jobs, runs

log = structlog.get_logger(__name__)

_BATCH = 200

_LOST = Fault(reason=Reason.WORKER_CRASHED, message="No worker finished this in time", retryable=True)
_LATE = Fault(reason=Reason.DEADLINE, message="The run was not done by its deadline")


async def run(ctx: Context) -> None:
    """Look once a second, for ever."""
    while True:
        try:
            await sweep_once(ctx)
        except StoreUnavailable as error:
            log.warning("the sweep is waiting", event_key="sweep.waiting", error=str(error))
        await asyncio.sleep(ctx.options.sweep.total_seconds())


async def sweep_once(ctx: Context) -> None:
    """Take back jobs whose lease ran out; fail runs whose deadline passed; let in who need not wait."""
    for lapsed in await ctx.store.read(lambda: jobs.lapsed(ctx.now(), _BATCH)):
        log.warning("a lease ran out", event_key="sweep.lease", job=lapsed.id, attempt=lapsed.attempt)
        await collect.tell(ctx, await ctx.store.write(lambda: _lapsed(ctx, lapsed)))  # noqa: B023 - awaited at once
        ctx.work.set()
    for run_id in await ctx.store.read(lambda: runs.overdue(ctx.now(), _BATCH)):
        await collect.tell(ctx, await ctx.store.write(lambda: _overdue(ctx, run_id)))  # noqa: B023 - awaited at once
        ctx.work.set()
    for org_id, mode in await ctx.store.read(lambda: admission.lines_with_room(ctx)):
        admitted = await ctx.store.write(lambda: admission.fill(ctx, org_id, mode))  # noqa: B023 - awaited at once
        if admitted:
            log.info("runs waited although there was room", event_key="sweep.admitted", org=org_id, runs=len(admitted))
        await admission.tell(ctx, admitted)


def _lapsed(ctx: Context, seen: Job) -> Op[Collected]:
    if not seen.run_id:
        return (yield from _lone_job_lapsed(ctx, seen))
    run = yield from runs.get(seen.run_id, lock=True)
    job = yield from jobs.get(seen.id)
    if not _is_lapsed(ctx, job, seen):
        return Collected()
    if run is None or run.state.is_terminal:
        yield from jobs.cancel_open(seen.run_id)
        return Collected()
    recipe = yield from ctx.catalog.recipe(run.org_id, run.flow_id, run.flow_version)
    assert recipe is not None
    if ctx.options.retry.may_lapse(seen.attempt):
        changed = yield from advance.attempt_lapsed(run, seen, _LOST, ctx.now())
    else:
        changed = yield from collect.attempts_used_up(ctx, run, recipe, seen, _LOST)
    return (yield from collect.with_admitted(ctx, changed))


def _lone_job_lapsed(ctx: Context, seen: Job) -> Op[Collected]:
    if not _is_lapsed(ctx, (yield from jobs.get(seen.id)), seen):
        return Collected()
    if ctx.options.retry.may_lapse(seen.attempt):
        yield from jobs.retry(seen, ctx.now(), failed=False)
        return Collected()
    return (yield from collect.lone_attempts_used_up(ctx, seen, _LOST))


def _is_lapsed(ctx: Context, job: Job | None, seen: Job) -> bool:
    """Whether it still is: since the look, a worker may have given a sign of life, or a lost bus taken it back."""
    if job is None or job.state is not JobState.PUBLISHED or job.lease_until is None:
        return False
    return job.attempt == seen.attempt and job.lease_until < ctx.now()


def _overdue(ctx: Context, run_id: str) -> Op[Collected]:
    run = yield from runs.get(run_id, lock=True)
    if run is None or run.state.is_terminal:
        return Collected()
    recipe = yield from ctx.catalog.recipe(run.org_id, run.flow_id, run.flow_version)
    assert recipe is not None
    changed = yield from advance.fail_run(run, recipe, _LATE, ctx.now())
    return (yield from collect.with_admitted(ctx, changed))
