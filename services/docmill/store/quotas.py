"""Statements about the documents of a month. One guarded statement decides who still gets some."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from docmill.domain.models import Mode
from docmill.store import Op, Statement
from docmill.store._codec import micros

_DAY = timedelta(days=1) // timedelta(microseconds=1)
_EPOCH = date(1970, 1, 1)
_UNBOUNDED = 2**62


def take(org_id: str, month: str, documents: int, limit: int | None) -> Op[bool]:
    """Hold documents of the month; False, and nothing is written, when fewer are left.

    Of concurrent transactions the second waits here for the first, and is judged by what it left.
    """
    most = _UNBOUNDED if limit is None else limit
    if documents > most:
        return False
    rows = yield Statement(
        "INSERT INTO document_quotas (org_id, month, used) VALUES ($1, $2, $3) "
        "ON CONFLICT (org_id, month) DO UPDATE SET used = document_quotas.used + excluded.used "
        "WHERE document_quotas.used + excluded.used <= $4 RETURNING used",
        (org_id, month, documents, most),
    )
    return bool(rows)


def give_back(org_id: str, month: str, documents: int) -> Op[None]:
    """Documents that were held and not read."""
    yield Statement(
        "UPDATE document_quotas SET used = used - $3 WHERE org_id = $1 AND month = $2", (org_id, month, documents)
    )


def used(org_id: str, month: str) -> Op[int]:
    """Documents of the month that are read or held."""
    rows = yield Statement("SELECT used FROM document_quotas WHERE org_id = $1 AND month = $2", (org_id, month))
    return int(rows[0][0]) if rows else 0


def by_day(org_id: str, mode: Mode, start: datetime, end: datetime) -> Op[Sequence[tuple[date, int]]]:
    """Counted documents of runs accepted from `start` on and before `end`, by day (UTC), oldest first; no empty days."""
    rows = yield Statement(
        f"SELECT created_at / {_DAY}, count(*) FROM runs WHERE org_id = $1 AND mode = $2 AND created_at >= $3 "  # noqa: S608 - a number
        "AND created_at < $4 AND documents_reserved > 0 AND state NOT IN ('FAILED', 'CANCELLED') "
        "GROUP BY 1 ORDER BY 1",
        (org_id, mode.value, micros(start), micros(end)),
    )
    return [(_EPOCH + timedelta(days=int(row[0])), int(row[1])) for row in rows]
