"""What nobody reported: leases that ran out and deadlines that passed."""

from __future__ import annotations

import asyncio

import structlog

from docmill.domain.errors import Fault, Reason
from docmill.domain.models import JobKind
from docmill.engine import advance, cancel, collect
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
    """Take back jobs whose lease ran out; fail runs whose deadline passed."""
    for job_id, _, attempt in await ctx.store.read(lambda: jobs.lapsed(ctx.now(), _BATCH)):
        log.warning("a lease ran out", event_key="sweep.lease", job=job_id, attempt=attempt)
        await collect.tell(ctx, await ctx.store.write(lambda: _lapsed(ctx, job_id, attempt)))  # noqa: B023 - awaited at once
        ctx.work.set()
    for run_id in await ctx.store.read(lambda: runs.overdue(ctx.now(), _BATCH)):
        collected = await ctx.store.write(lambda: _overdue(ctx, run_id))  # noqa: B023 - awaited at once
        await collect.tell(ctx, collected)
        for ended in collected.runs:
            await cancel.stop_work(ctx, ended)


def _lapsed(ctx: Context, job_id: str, attempt: int) -> Op[Collected]:
    job = yield from jobs.get(job_id)
    if job is None or job.attempt != attempt:
        return Collected()
    if job.kind is JobKind.PROBE:
        return (yield from collect.probe_failed(ctx, job, _LOST))
    run = yield from runs.get(job.run_id, lock=True)
    if run is None or run.state.is_terminal:
        yield from jobs.cancel_open(job.run_id)
        return Collected()
    recipe = yield from ctx.catalog.recipe(run.org_id, run.flow_id, run.flow_version)
    assert recipe is not None
    changed = yield from collect.attempt_failed(ctx, run, recipe, job, _LOST)
    return Collected(runs=(changed,) if changed else ())


def _overdue(ctx: Context, run_id: str) -> Op[Collected]:
    run = yield from runs.get(run_id, lock=True)
    if run is None or run.state.is_terminal:
        return Collected()
    recipe = yield from ctx.catalog.recipe(run.org_id, run.flow_id, run.flow_version)
    assert recipe is not None
    changed = yield from advance.fail_run(run, recipe, _LATE, ctx.now())
    return Collected(runs=(changed,) if changed else ())
