"""What the client gives back about organizations and their keys. Plain values; times are aware `datetime`s in UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class KeyMode(StrEnum):
    """Live runs are billed, test runs are free; neither sees the other's."""

    LIVE = "live"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An API key, without the key itself."""

    id: str
    name: str
    """What it is for."""
    mode: KeyMode
    scopes: Sequence[str]
    """What it may do, e.g. `flows:read`."""
    last4: str
    """Its last four characters."""
    created_at: datetime | None
    expires_at: datetime | None
    """None: never."""
    revoked_at: datetime | None
    """None: it was not."""
    last_used_at: datetime | None
    """To the minute; None: it never was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentKey:
    """The key that a client calls with."""

    key: Key
    organization_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key just made."""

    key: Key
    secret: str
    """The key itself, shown this once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an organization may do in the mode of the calling key."""

    id: str
    requests_per_minute: int | None
    """None: the plan does not bound them."""
    concurrent_runs: int | None
    """Runs at work at the same time; None: the plan does not bound them."""
    features: Sequence[str]
    """What it includes beyond reading documents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Credits of an organization."""

    available: int
    """Free to be used."""
    reserved: int
    """Held for runs that have not ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentQuota:
    """Documents of the current month (UTC): those that were read, and those held for runs that have not ended."""

    used: int
    limit: int | None
    """None: the plan does not bound them."""
    resets_at: datetime
    """When the next month begins."""
    daily: Mapping[date, int]
    """The same by day (UTC), oldest first; days without any are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an organization may do and did, in the mode of the calling key."""

    organization_id: str
    plan: Plan
    balance: Balance | None
    """None for test keys, whose runs are free."""
    start: datetime | None
    end: datetime | None
    """The sums are of runs accepted from `start` on and before `end`."""
    runs: int
    runs_succeeded: int
    runs_failed: int
    pages: int
    """Read by these runs."""
    credits_used: int
    runs_active: int
    """At work now."""
    runs_queued: int
    """That wait for one of those to end."""
    documents: DocumentQuota | None = None
    """None where the plan, or the mode of the key, does not count them."""
