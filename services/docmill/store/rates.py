"""The statement that counts calls. The table is not logged in PostgreSQL: a crash forgets one minute's calls."""

from __future__ import annotations

from datetime import datetime

from docmill.domain.models import Mode
from docmill.domain.rates import WINDOW, Window
from docmill.store import Op, Statement
from docmill.store._codec import micros, moment

_WINDOW = WINDOW // WINDOW.resolution  # microseconds
_HOLDS = (  # as `Window.holds`
    f"rate_windows.started_at > excluded.started_at - {_WINDOW} "
    f"AND rate_windows.started_at <= excluded.started_at + {_WINDOW}"
)
_COUNT = (
    "INSERT INTO rate_windows (org_id, mode, started_at, calls) VALUES ($1, $2, $3, $4) "  # noqa: S608 - constant text
    "ON CONFLICT (org_id, mode) DO UPDATE SET "
    f"calls = CASE WHEN {_HOLDS} THEN rate_windows.calls + excluded.calls ELSE excluded.calls END, "
    f"started_at = CASE WHEN {_HOLDS} THEN rate_windows.started_at ELSE excluded.started_at END "
    "RETURNING started_at, calls"
)


def count(owner: str, mode: Mode, at: datetime, calls: int = 1) -> Op[Window]:
    """Count calls in the current window of an organization (or of a key: their ids never meet) and mode, or begin one.

    One statement, so that processes that count at the same time never lose a call. The window as it now is.
    """
    rows = yield Statement(_COUNT, (owner, mode.value, micros(at), calls))
    return Window(started_at=moment(rows[0][0]), calls=rows[0][1])
