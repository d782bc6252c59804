"""The request budget of the caller's organization, or of its key. One record for all processes, so they enforce one budget."""

from __future__ import annotations

import structlog

from docmill.domain.models import Caller
from docmill.domain.plans import MAX_REQUESTS_PER_MINUTE
from docmill.domain.rates import WINDOW, Budget
from docmill.engine.context import Context
from docmill.store import accounts, rates

log = structlog.get_logger(__name__)


def look(ctx: Context, caller: Caller) -> Budget:
    """What was left when the caller was authenticated; asks nobody."""
    limit = _limit(ctx, caller)
    if limit is None:
        unbounded = MAX_REQUESTS_PER_MINUTE
        return Budget(limit=unbounded, remaining=unbounded, reset=ctx.now() + WINDOW)
    return Budget.left(limit, caller.key_window if _by_key(ctx, caller) else caller.window, ctx.now())


async def take(ctx: Context, caller: Caller) -> Budget:
    """What is left after this call is counted; `exceeded` if it is one too many.

    A call of a plan without a bound, or of an organization that has nothing left, writes nothing.
    """
    seen = look(ctx, caller)
    limit = _limit(ctx, caller)
    if limit is None or seen.exceeded:
        return seen
    now = ctx.now()
    owner = caller.key_id if _by_key(ctx, caller) else caller.org_id
    window = await ctx.store.write(lambda: rates.count(owner, caller.mode, now), durable=False)
    return Budget.taken(limit, window, now)


async def warn_of_unknown_plans(ctx: Context) -> None:
    """Tell the operator of plans that organizations are on and no file defines: the fallback's limits hold for them."""
    for plan_id in await ctx.store.read(accounts.plans_in_use):
        if plan_id not in ctx.plans.by_id:
            message = "organizations are on a plan that is not defined"
            log.warning(message, event_key="plans.unknown", plan=plan_id, fallback=ctx.plans.fallback)


def _by_key(ctx: Context, caller: Caller) -> bool:
    return ctx.plans.get(caller.plan_id).counts_by_key


def _limit(ctx: Context, caller: Caller) -> int | None:
    return ctx.plans.limits(caller.plan_id, caller.mode).requests_per_minute
