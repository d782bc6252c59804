"""Small facts about the installation, by key."""

from __future__ import annotations

from docmill.store import Op, Statement


def get(key: str) -> Op[str | None]:
    """The fact, or None."""
    rows = yield Statement("SELECT value FROM kv WHERE key = $1", (key,))
    return str(rows[0][0]) if rows else None


def put_once(key: str, value: str) -> Op[str]:
    """Record the fact unless it is there; what is there now."""
    yield Statement("INSERT INTO kv (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING", (key, value))
    rows = yield Statement("SELECT value FROM kv WHERE key = $1", (key,))
    return str(rows[0][0])
