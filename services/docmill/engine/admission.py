"""Letting runs in: so many of an organization and mode at a time as its plan allows, the others wait in line.

Operations here come last in their transaction: the lock on the organization is then the last one that anybody waits
for, and two transactions cannot wait for each other. Whoever changed a run that waits looks at the line afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from docmill.domain.errors import LimitReached, Reason
from docmill.domain.messages import Hint, HintKind
from docmill.domain.models import Mode, Run
from docmill.domain.plans import Limits
from docmill.engine import advance
from docmill.engine.context import Context
from docmill.store import Op, line, runs

_AT_ONCE = 100  # let in by one operation; the sweep goes on where a limit was raised by more
_RETRY_AFTER = "10"  # seconds; a guess: nobody knows when one of the runs will end


def at_once(ctx: Context, plan_id: str, mode: Mode, now: datetime) -> datetime | None:
    """When a new run is let in: `now` where the plan sets no bound; None where the line decides."""
    return now if ctx.limits(plan_id, mode).concurrent_runs is None else None


def enter(ctx: Context, run: Run) -> Op[Run]:
    """The new run, let in or with its place in the line. LimitReached when the line is full."""
    if not run.waits:
        return run
    for admitted in (yield from enter_line(ctx, run.org_id, run.mode)):
        if admitted.id == run.id:
            return admitted
    return (yield from line.placed(run))


def enter_line(ctx: Context, org_id: str, mode: Mode) -> Op[Sequence[Run]]:
    """The runs that are let in, after this transaction has put new ones into the line. LimitReached when it is full."""
    limits = yield from _lock(ctx, org_id, mode)
    admitted = yield from _fill(ctx, limits, org_id, mode)
    waiting = yield from line.count_waiting(org_id, mode)
    if limits.queue is not None and waiting > limits.queue:
        raise LimitReached(
            Reason.QUEUE_FULL,
            f"{limits.queue} runs wait already, as many as the plan allows beside the {limits.concurrent_runs} at work",
            {"reason": "queue_full", "retryAfter": _RETRY_AFTER, "queue": str(limits.queue)},
        )
    return admitted


def changed(ctx: Context, run: Run) -> Op[Sequence[Run]]:
    """The runs that are let in because `run`, whose row this transaction has changed, ended or waits no more."""
    if not (run.state.is_terminal or run.waits):
        return ()
    now = ctx.now()
    plan_id = ctx.plan_of.get(run.org_id, now)
    if plan_id is None:
        plan_id = yield from line.plan_of(run.org_id)
        ctx.plan_of.put(run.org_id, plan_id, now)
    if ctx.limits(plan_id, run.mode).concurrent_runs is None and not run.waits:
        return ()  # nobody waits, or since a moment ago: then the sweep lets them in
    return (yield from fill(ctx, run.org_id, run.mode))


def fill(ctx: Context, org_id: str, mode: Mode) -> Op[Sequence[Run]]:
    """Let in who is first in line, while there is room."""
    limits = yield from _lock(ctx, org_id, mode)
    return (yield from _fill(ctx, limits, org_id, mode))


def lines_with_room(ctx: Context) -> Op[Sequence[tuple[str, Mode]]]:
    """Organizations and modes whose runs wait although there is room: a limit was raised, or a crash left them."""
    found = yield from line.lines()
    return [
        (each.org_id, each.mode)
        for each in found
        if (limit := ctx.limits(each.plan_id, each.mode).concurrent_runs) is None or each.runs_in < limit
    ]


async def tell(ctx: Context, admitted: Sequence[Run]) -> None:
    """Wake who watches these runs, and whoever publishes their jobs."""
    for run in admitted:
        ctx.notifier.notify(run.id)
        await ctx.bus.publish_hint(Hint(kind=HintKind.RUN_ADVANCED, run_id=run.id, sequence=run.last_sequence))
    if admitted:
        ctx.work.set()


def _lock(ctx: Context, org_id: str, mode: Mode) -> Op[Limits]:
    return ctx.limits((yield from line.lock(org_id)), mode)


def _fill(ctx: Context, limits: Limits, org_id: str, mode: Mode) -> Op[Sequence[Run]]:
    room = _AT_ONCE
    if limits.concurrent_runs is not None:
        room = min(room, limits.concurrent_runs - (yield from line.count_in(org_id, mode)))
    if room <= 0:
        return ()
    admitted = []
    for run_id in (yield from line.first(org_id, mode, room)):
        run = yield from runs.get(run_id, lock=True)
        assert run is not None
        assert run.waits  # its row is locked
        admitted.append((yield from _admit(run, ctx.now())))
    return admitted


def _admit(run: Run, now: datetime) -> Op[Run]:
    admitted = yield from runs.change(run, replace(run, admitted_at=now), [], now)
    assert admitted is not None  # its row is locked
    if admitted.pages_total is not None:
        yield from advance.insert_pages(admitted, admitted.pages_total, now)
    return admitted
