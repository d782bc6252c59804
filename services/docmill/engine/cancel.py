"""Cancel a run: at once in the record, then tell whoever works on it."""

from __future__ import annotations

from collections.abc import Sequence

from docmill.domain.errors import FailedPrecondition, Reason
from docmill.domain.messages import Hint, HintKind
from docmill.domain.models import Caller, Run
from docmill.domain.states import RunState
from docmill.engine import admission, advance, reads
from docmill.engine.context import Context
from docmill.store import Op, runs


async def cancel_run(ctx: Context, caller: Caller, run_id: str) -> Run:
    """The cancelled run. FailedPrecondition when it has already ended."""
    run, admitted = await ctx.store.write(lambda: _cancel(ctx, caller, run_id))
    ctx.mail.set()
    # The record is changed: whatever happens now, no result of this run counts any more.
    await stop_work(ctx, run)
    await admission.tell(ctx, admitted)
    return run


async def stop_work(ctx: Context, run: Run) -> None:
    """Take an ended run's jobs off the bus and out of workers' hands. Best effort."""
    ctx.notifier.notify(run.id)
    ctx.agenda.note_runs([run])
    await ctx.bus.publish_hint(Hint(kind=HintKind.RUN_CANCELLED, run_id=run.id, sequence=run.last_sequence))
    await ctx.bus.discard_jobs(run.id)
    ctx.work.set()


def _cancel(ctx: Context, caller: Caller, run_id: str) -> Op[tuple[Run, Sequence[Run]]]:
    """The cancelled run, and those that are let in because of it."""
    run = reads.owned((yield from runs.get(run_id, lock=True)), caller, run_id)
    if run.state is RunState.CANCELLED:
        raise FailedPrecondition(Reason.RUN_ALREADY_CANCELLED, f"Run {run_id} is cancelled already")
    if run.state.is_terminal:
        raise FailedPrecondition(Reason.RUN_NOT_CANCELLABLE, f"Run {run_id} has ended; it cannot be cancelled")
    recipe = yield from ctx.catalog.recipe(run.org_id, run.flow_id, run.flow_version)
    assert recipe is not None
    cancelled = yield from advance.cancel_run(run, recipe, ctx.now())
    assert cancelled is not None  # the row is locked: nobody can have been first
    return cancelled, (yield from admission.changed(ctx, cancelled))
