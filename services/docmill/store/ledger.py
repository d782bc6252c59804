"""Statements about credits: held when a run is accepted and planned, settled when it ends, the rest let go. One entry of a kind a run."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from docmill.domain.models import Run
from docmill.store import Op, Statement
from docmill.store._codec import micros


class EntryKind(StrEnum):
    """What an entry says about a run's credits."""

    RESERVED = "RESERVED"
    SETTLED = "SETTLED"
    RELEASED = "RELEASED"


def reserve(entry_id: str, run: Run, credits_: int, at: datetime) -> Op[None]:
    """Hold `credits_` for the run; a later call sets the amount anew (the page count became known)."""
    yield Statement(
        "INSERT INTO ledger_entries (id, org_id, mode, run_id, kind, credits, created_at) "
        "VALUES ($1, $2, $3, $4, 'RESERVED', $5, $6) "
        "ON CONFLICT (run_id, kind) DO UPDATE SET credits = excluded.credits",
        (entry_id, run.org_id, run.mode.value, run.id, credits_, micros(at)),
    )


def settle(entry_ids: tuple[str, str], run: Run, at: datetime) -> Op[None]:
    """Turn the hold into `run.credits_used` and let the rest go. Once a run: the second call changes nothing."""
    released = run.credits_reserved - run.credits_used
    for entry_id, kind, amount in zip(
        entry_ids, (EntryKind.SETTLED, EntryKind.RELEASED), (run.credits_used, released), strict=True
    ):
        yield Statement(
            "INSERT INTO ledger_entries (id, org_id, mode, run_id, kind, credits, created_at) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (run_id, kind) DO NOTHING",
            (entry_id, run.org_id, run.mode.value, run.id, kind.value, amount, micros(at)),
        )


def entries(run_id: str) -> Op[dict[EntryKind, int]]:
    """Credits of the run by kind of entry."""
    rows = yield Statement("SELECT kind, credits FROM ledger_entries WHERE run_id = $1", (run_id,))
    return {EntryKind(row[0]): row[1] for row in rows}
