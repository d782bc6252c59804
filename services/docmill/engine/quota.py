"""Documents of the month along a run's life: held when it is accepted, given back when it ends without having succeeded.

Whatever failed, whoever is to blame: only documents that were read count.
"""

from __future__ import annotations

from collections.abc import Sequence

from docmill.domain.models import Caller, Mode, Run
from docmill.domain.quotas import Quota, first_of_month, month_of, next_month
from docmill.domain.states import RunState
from docmill.engine.context import Context
from docmill.store import Op, line, quotas


def documents_of_run(ctx: Context, caller: Caller) -> int:
    """Documents that a run of the caller holds: 1 where they are counted."""
    return int(caller.mode is Mode.LIVE and ctx.plans.get(caller.plan_id).counts_documents)


def hold(ctx: Context, made: Sequence[Run]) -> Op[None]:
    """Hold what the recorded runs of one organization need, for all or for none. QuotaExhausted when fewer are left."""
    required = sum(run.documents_reserved for run in made)
    if not required:
        return
    org_id, at = made[0].org_id, made[0].created_at
    limit = ctx.plans.get((yield from line.plan_of(org_id))).documents_per_month
    if not (yield from quotas.take(org_id, month_of(at), required, limit)):
        used = yield from quotas.used(org_id, month_of(at))
        raise Quota(limit=limit, used=used, resets_at=next_month(at)).refusal(required)


def settle(run: Run) -> Op[None]:
    """The run has ended: what it holds is used, or free again."""
    if run.documents_reserved and run.state is not RunState.SUCCEEDED:
        yield from quotas.give_back(run.org_id, month_of(run.created_at), run.documents_reserved)


def standing(ctx: Context, caller: Caller) -> Op[Quota | None]:
    """The caller's documents of this month; None where they are not counted."""
    if not documents_of_run(ctx, caller):
        return None
    now = ctx.now()
    end = next_month(now)
    used = yield from quotas.used(caller.org_id, month_of(now))
    daily = yield from quotas.by_day(caller.org_id, caller.mode, first_of_month(now), end)
    limit = ctx.plans.get(caller.plan_id).documents_per_month
    return Quota(limit=limit, used=used, resets_at=end, daily=daily)
