"""Statements about the line of an organization and mode: runs that wait to be let in.

The conditions stand as literals in the texts because the partial indexes are used only so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from docmill.domain.models import Mode, Run
from docmill.store import Op, Statement
from docmill.store._codec import micros

_WAITS = "state = 'QUEUED' AND admitted_at IS NULL"
_IS_IN = "state IN ('QUEUED', 'RUNNING') AND admitted_at IS NOT NULL"
_ORDER = "priority, created_at, id"


def lock(org_id: str) -> Op[str]:
    """Keep others from letting runs of the organization in until the transaction ends; the id of its plan."""
    rows = yield Statement("SELECT plan_id FROM organizations WHERE id = $1 FOR UPDATE", (org_id,))
    return str(rows[0][0]) if rows else ""


def plan_of(org_id: str) -> Op[str]:
    """The id of the organization's plan, without the lock."""
    rows = yield Statement("SELECT plan_id FROM organizations WHERE id = $1", (org_id,))
    return str(rows[0][0]) if rows else ""


def count_in(org_id: str, mode: Mode) -> Op[int]:
    """Open runs that were let in."""
    rows = yield Statement(
        f"SELECT count(*) FROM runs WHERE org_id = $1 AND mode = $2 AND {_IS_IN}",  # noqa: S608 - constant text
        (org_id, mode.value),
    )
    return int(rows[0][0])


def count_waiting(org_id: str, mode: Mode) -> Op[int]:
    """Runs in the line."""
    rows = yield Statement(
        f"SELECT count(*) FROM runs WHERE org_id = $1 AND mode = $2 AND {_WAITS}",  # noqa: S608 - constant text
        (org_id, mode.value),
    )
    return int(rows[0][0])


def first(org_id: str, mode: Mode, limit: int) -> Op[Sequence[str]]:
    """At most `limit` runs at the head of the line, locked, but for those that somebody else holds.

    Whoever holds one looks at the line after its change, so none is overlooked; waiting for it could be a deadlock.
    """
    rows = yield Statement(
        f"SELECT id FROM runs WHERE org_id = $1 AND mode = $2 AND {_WAITS} "  # noqa: S608 - constant text
        f"ORDER BY {_ORDER} LIMIT $3 FOR UPDATE SKIP LOCKED",
        (org_id, mode.value, limit),
    )
    return [row[0] for row in rows]


def placed(run: Run) -> Op[Run]:
    """The run with its place in the line, if it waits there."""
    if not run.waits:
        return run
    rows = yield Statement(
        f"SELECT count(*) FROM runs WHERE org_id = $1 AND mode = $2 AND {_WAITS} "  # noqa: S608 - constant text
        f"AND ({_ORDER}) <= ($3, $4, $5)",
        (run.org_id, run.mode.value, run.priority.rank, micros(run.created_at), run.id),
    )
    return replace(run, queue_position=int(rows[0][0]))


def all_placed(found: Sequence[Run]) -> Op[Sequence[Run]]:
    """Runs of one organization and mode, those that wait with their places in the line."""
    waiting = next((run for run in found if run.waits), None)
    if waiting is None:
        return found
    rows = yield Statement(
        f"SELECT id FROM runs WHERE org_id = $1 AND mode = $2 AND {_WAITS} ORDER BY {_ORDER}",  # noqa: S608 - constant text
        (waiting.org_id, waiting.mode.value),
    )
    places: Mapping[str, int] = {row[0]: place for place, row in enumerate(rows, start=1)}
    return [replace(run, queue_position=places.get(run.id)) if run.waits else run for run in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line that somebody waits in."""

    org_id: str
    mode: Mode
    plan_id: str
    runs_in: int
    """Open runs that were let in."""


def lines() -> Op[Sequence[Line]]:
    """Every line that somebody waits in."""
    rows = yield Statement(
        "SELECT waiting.org_id, waiting.mode, coalesce(organizations.plan_id, ''), "  # noqa: S608 - constant text
        f"(SELECT count(*) FROM runs WHERE runs.org_id = waiting.org_id AND runs.mode = waiting.mode AND {_IS_IN}) "
        f"FROM (SELECT DISTINCT org_id, mode FROM runs WHERE {_WAITS}) AS waiting "
        "LEFT JOIN organizations ON organizations.id = waiting.org_id"
    )
    return [Line(org_id=row[0], mode=Mode(row[1]), plan_id=row[2], runs_in=int(row[3])) for row in rows]
