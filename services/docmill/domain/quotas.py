"""Documents a month: where a plan counts them, each run holds one, and gives it back unless it succeeds. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from docmill.domain.errors import QuotaExhausted, Reason


def month_of(at: datetime) -> str:
    """`2026-11`: the month (UTC) that a document counts for."""
    return at.astimezone(UTC).strftime("%Y-%m")


def first_of_month(at: datetime) -> datetime:
    """When the month of `at` began (UTC)."""
    return at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(at: datetime) -> datetime:
    """When the month after that of `at` begins (UTC)."""
    return (first_of_month(at) + timedelta(days=32)).replace(day=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """An organization's documents of the current month."""

    limit: int | None
    """None: without bound."""
    used: int
    """Read, or held for runs that have not ended."""
    resets_at: datetime
    daily: Sequence[tuple[date, int]] = ()
    """The same by day (UTC), oldest first, without empty days."""

    def refusal(self, required: int) -> QuotaExhausted:
        """The error for `required` more documents than there are."""
        limit = self.limit or 0
        available = max(0, limit - self.used)
        resets = self.resets_at.strftime("%Y-%m-%d")
        return QuotaExhausted(
            Reason.QUOTA_EXHAUSTED,
            f"{required:,} documents are wanted, and {available:,} of this month's {limit:,} are left; "
            f"the next month begins on {resets}",
            {"required": str(required), "available": str(available), "limit": str(limit), "resetsAt": resets},
        )
