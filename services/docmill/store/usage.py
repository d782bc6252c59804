"""What an organization did in one mode, summed up from its runs.

The conditions of the second statement stand as literals because partial indexes are used only so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from docmill.domain.models import Mode
from docmill.store import Op, Statement
from docmill.store._codec import micros

_IS_IN = "state IN ('QUEUED', 'RUNNING') AND admitted_at IS NOT NULL"
_WAITS = "state = 'QUEUED' AND admitted_at IS NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSums:
    """Sums over the runs that were accepted in some time."""

    runs: int
    succeeded: int
    failed: int
    pages: int
    """Read by them."""
    credits_used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRuns:
    """Runs that have not ended."""

    active: int
    """Let in."""
    waiting: int


def sums(org_id: str, mode: Mode, start: datetime, end: datetime) -> Op[RunSums]:
    """Sums over the runs created from `start` on and before `end`."""
    rows = yield Statement(
        "SELECT count(*), coalesce(sum(CASE WHEN state = 'SUCCEEDED' THEN 1 ELSE 0 END), 0), "
        "coalesce(sum(CASE WHEN state = 'FAILED' THEN 1 ELSE 0 END), 0), coalesce(sum(pages_done), 0), "
        "coalesce(sum(credits_used), 0) "
        "FROM runs WHERE org_id = $1 AND mode = $2 AND created_at >= $3 AND created_at < $4",
        (org_id, mode.value, micros(start), micros(end)),
    )
    runs, succeeded, failed, pages, credits_used = map(int, rows[0])  # PostgreSQL sums up to Decimals
    return RunSums(runs=runs, succeeded=succeeded, failed=failed, pages=pages, credits_used=credits_used)


def open_runs(org_id: str, mode: Mode) -> Op[OpenRuns]:
    """How many runs are at work and how many wait for them."""
    rows = yield Statement(
        f"SELECT (SELECT count(*) FROM runs WHERE org_id = $1 AND mode = $2 AND {_IS_IN}), "  # noqa: S608 - constant text
        f"(SELECT count(*) FROM runs WHERE org_id = $1 AND mode = $2 AND {_WAITS})",
        (org_id, mode.value),
    )
    return OpenRuns(active=int(rows[0][0]), waiting=int(rows[0][1]))
