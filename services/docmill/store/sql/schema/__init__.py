"""Every table, once, for SQLite and PostgreSQL; migrations must end at exactly this (a test compares).

Portable types only: ids, enums and JSON are text (JSON is written and read by us, the database never looks inside), times
are microseconds since the epoch in UTC, a truth is 0 or 1. What the values mean: `docmill.domain.models`.

Partial indexes are used only by queries that repeat their condition: write `state = 'READY'` and `kind = 'PROBE'` in the
statement, not as an argument (SQLite cannot prove a placeholder; PostgreSQL's generic plans cannot either).
A comparison such as `lease_until < $1` already proves IS NOT NULL.
"""

from __future__ import annotations

from docmill.store.sql.schema import accounts, batches, webhooks, work
from docmill.store.sql.schema.columns import metadata

__all__ = ["accounts", "batches", "metadata", "webhooks", "work"]
