"""What the caller's organization may do, what it used, and what it has under way."""

from __future__ import annotations

from datetime import datetime

from docmill.domain.credits import Balance
from docmill.domain.errors import InvalidArgument, Reason
from docmill.domain.models import Caller, Mode
from docmill.engine import quota
from docmill.engine.context import Context
from docmill.engine.requests import Usage
from docmill.store import Op, ledger, usage
from docmill.store.usage import OpenRuns, RunSums


async def get_usage(ctx: Context, caller: Caller, start: datetime | None, end: datetime | None) -> Usage:
    """Sums from `start` (None: the month's beginning in UTC) to `end` (None: now) in the caller's mode."""
    end = end or ctx.now()
    start = start or end.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if start > end:
        raise InvalidArgument(Reason.FIELD_INVALID, "from is later than to", {"field": "from"})

    def read() -> Op[tuple[RunSums, OpenRuns, Balance | None]]:
        sums = yield from usage.sums(caller.org_id, caller.mode, start, end)
        now_open = yield from usage.open_runs(caller.org_id, caller.mode)
        balance = None if caller.mode is Mode.TEST else (yield from ledger.balance(caller.org_id))
        return sums, now_open, balance

    sums, now_open, balance = await ctx.store.read(read)
    plan = ctx.plans.get(caller.plan_id)
    documents = await ctx.store.read(lambda: quota.standing(ctx, caller))
    return Usage(
        org_id=caller.org_id,
        plan_id=plan.id,
        limits=plan.limits(caller.mode),
        features=plan.features,
        balance=balance,
        start=start,
        end=end,
        sums=sums,
        open=now_open,
        quota=documents,
    )
