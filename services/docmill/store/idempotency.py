"""Statements about idempotency keys: which run a key made. A key older than its window is as good as none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from docmill.domain.models import Mode
from docmill.store import Op, Statement
from docmill.store._codec import micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key where it counts: one organization, mode and flow."""

    org_id: str
    mode: Mode
    flow_id: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a key stands for."""

    request_sha256: str
    run_id: str


def find(key: Key, since: datetime) -> Op[Bound | None]:
    """What the key stands for since `since` or later; None if nothing."""
    rows = yield Statement(
        "SELECT request_sha256, run_id FROM idempotency_keys "
        "WHERE org_id = $1 AND mode = $2 AND flow_id = $3 AND key = $4 AND created_at >= $5",
        (key.org_id, key.mode.value, key.flow_id, key.key, micros(since)),
    )
    return Bound(request_sha256=rows[0][0], run_id=rows[0][1]) if rows else None


def bind(key: Key, to: Bound, at: datetime, since: datetime) -> Op[bool]:
    """Let the key stand for a run that this transaction records; False if it stands for another since `since`.

    Of concurrent transactions one wins; the others wait here until it has ended, and are told.
    """
    rows = yield Statement(
        "INSERT INTO idempotency_keys (org_id, mode, flow_id, key, request_sha256, run_id, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (org_id, mode, flow_id, key) DO UPDATE "
        "SET request_sha256 = excluded.request_sha256, run_id = excluded.run_id, created_at = excluded.created_at "
        "WHERE idempotency_keys.created_at < $8 RETURNING run_id",
        (
            key.org_id,
            key.mode.value,
            key.flow_id,
            key.key,
            to.request_sha256,
            to.run_id,
            micros(at),
            micros(since),
        ),
    )
    return bool(rows)


def forget(before: datetime, limit: int) -> Op[int]:
    """Delete at most `limit` keys from before a time; how many."""
    rows = yield Statement(
        "DELETE FROM idempotency_keys WHERE (org_id, mode, flow_id, key) IN "
        "(SELECT org_id, mode, flow_id, key FROM idempotency_keys WHERE created_at < $1 LIMIT $2) RETURNING key",
        (micros(before), limit),
    )
    return len(rows)
