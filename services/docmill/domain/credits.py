"""What runs cost, and the accounts that credits lie on. Pure.

Credits move between two accounts and are never made or lost: the sum over all accounts is always 0.

    granted -> available     the operator grants (granted is the installation's, and goes below 0)
    available -> reserved    a run is accepted, or its document turns out to have more pages
    reserved -> used         a run ended: its pages
    reserved -> available    a run ended: the rest
    available -> granted     the operator takes back
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from docmill.domain.models import FlowVersion, Mode, Run
from docmill.domain.states import RunState


class Account(StrEnum):
    """Where credits lie."""

    AVAILABLE = "available"
    GRANTED = "granted"
    RESERVED = "reserved"
    USED = "used"


class TransferKind(StrEnum):
    """Why credits moved. A run has at most one transfer of a kind."""

    GRANTED = "GRANTED"  # granted -> available
    TAKEN_BACK = "TAKEN_BACK"  # available -> granted
    HELD = "HELD"  # available -> reserved
    TOPPED_UP = "TOPPED_UP"  # available -> reserved
    SETTLED = "SETTLED"  # reserved -> used
    RELEASED = "RELEASED"  # reserved -> available

    @property
    def source(self) -> Account:
        """Where they come from."""
        return _WAYS[self][0]

    @property
    def target(self) -> Account:
        """Where they go."""
        return _WAYS[self][1]


_WAYS = {
    TransferKind.GRANTED: (Account.GRANTED, Account.AVAILABLE),
    TransferKind.TAKEN_BACK: (Account.AVAILABLE, Account.GRANTED),
    TransferKind.HELD: (Account.AVAILABLE, Account.RESERVED),
    TransferKind.TOPPED_UP: (Account.AVAILABLE, Account.RESERVED),
    TransferKind.SETTLED: (Account.RESERVED, Account.USED),
    TransferKind.RELEASED: (Account.RESERVED, Account.AVAILABLE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Credits that moved from one account to another."""

    id: str
    org_id: str
    kind: TransferKind
    credits: int
    """At least 1."""
    created_at: datetime
    run_id: str = ""
    """Empty for what the operator did."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """An organization's credits."""

    available: int = 0
    """Free to be used."""
    reserved: int = 0
    """Held for runs that have not ended."""
    used: int = 0
    """By runs that ended."""


def price_per_page(version: FlowVersion, mode: Mode, percent: int = 100) -> int:
    """Credits for a page of `version` at `percent` of its price, rounded up; nothing in test mode."""
    if mode is Mode.TEST:
        return 0
    return -(-version.limits.estimated_credits_per_page * percent // 100)


def cost(run: Run) -> int:
    """Credits that an ended run costs: the pages that were really read; nothing when it failed.

    What was reserved is the price of all pages, so the price of one needs no table that may have changed since.
    """
    if run.state is RunState.FAILED or not run.pages_total:
        return 0
    return run.pages_done * (run.credits_reserved // run.pages_total)
