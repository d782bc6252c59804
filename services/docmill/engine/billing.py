"""Credits along a run's life: held when it is accepted, topped up when its pages are counted, settled when it ends.

Test runs have nothing reserved and leave no trace in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from docmill.domain.credits import Transfer, TransferKind, price_per_page
from docmill.domain.errors import Fault, PaymentRequired, Reason
from docmill.domain.models import Caller, FlowVersion, Run
from docmill.engine import ids
from docmill.engine.context import Context
from docmill.store import Op, ledger


def price_of_page(ctx: Context, caller: Caller, version: FlowVersion) -> int:
    """Credits that the caller pays for a page of the flow: what the flow says, times the factor of the plan."""
    return price_per_page(version, caller.mode, ctx.plans.get(caller.plan_id).price_percent)


def hold(run: Run, now: datetime) -> Op[None]:
    """Reserve `run.credits_reserved` for the recorded run. PaymentRequired when the organization has fewer."""
    yield from hold_all([run], now)


def hold_all(made: Sequence[Run], now: datetime) -> Op[None]:
    """Reserve for recorded runs of one organization, for all or for none of them, what each says."""
    transfers = [each for run in made for each in _transfers(run, [(TransferKind.HELD, run.credits_reserved)], now)]
    if transfers and not (yield from ledger.record(transfers)):
        available = (yield from ledger.balance(made[0].org_id)).available
        required = sum(run.credits_reserved for run in made)
        fault = insufficient(required, available, "The run needs" if len(made) == 1 else "The batch needs")
        raise PaymentRequired(fault.reason, fault.message, fault.details)


def top_up(run: Run, pages: int, held_pages: int, now: datetime) -> Op[int | Fault]:
    """Reserve for `pages` what is held for `held_pages`: the credits then reserved, or why they cannot be."""
    required = run.credits_reserved // held_pages * pages
    if not (yield from _move(run, [(TransferKind.TOPPED_UP, required - run.credits_reserved)], now)):
        available = (yield from ledger.balance(run.org_id)).available
        return insufficient(required, available + run.credits_reserved)
    return required


def settle(run: Run, now: datetime) -> Op[None]:
    """The ended run pays `run.credits_used` of what is reserved for it; the rest is free again."""
    rest = run.credits_reserved - run.credits_used
    yield from _move(run, [(TransferKind.SETTLED, run.credits_used), (TransferKind.RELEASED, rest)], now)


def insufficient(required: int, available: int, needs: str = "The run needs") -> Fault:
    """Why what needs `required` credits cannot have them."""
    return Fault(
        reason=Reason.CREDITS_INSUFFICIENT,
        message=f"{needs} {required:,} credits, and {available:,} are available",
        details=shortage(required, available),
    )


def shortage(required: int, available: int) -> dict[str, str]:
    """Details of an error for want of credits."""
    return {"required": str(required), "available": str(available)}


def _move(run: Run, parts: Iterable[tuple[TransferKind, int]], now: datetime) -> Op[bool]:
    transfers = _transfers(run, parts, now)
    return not transfers or (yield from ledger.record(transfers))


def _transfers(run: Run, parts: Iterable[tuple[TransferKind, int]], now: datetime) -> list[Transfer]:
    return [
        Transfer(id=ids.new("led"), org_id=run.org_id, run_id=run.id, kind=kind, credits=credits_, created_at=now)
        for kind, credits_ in parts
        if credits_
    ]
