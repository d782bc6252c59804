"""Organizations, their keys, credits and counts."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, Table, UniqueConstraint

from docmill.store.sql.schema.columns import big, count, metadata, time, words

organizations = Table(
    "organizations",
    metadata,
    words("id", key=True),
    words("name"),
    words("plan_id"),
    time("created_at"),
    words("webhook_secret", default=""),  # encrypted
)

api_keys = Table(
    "api_keys",
    metadata,
    words("id", key=True),
    words("org_id", ForeignKey("organizations.id")),
    words("mode"),
    words("name"),
    words("sha256"),  # hex, of the whole key
    words("last4"),
    words("scopes"),  # separated by spaces
    time("created_at"),
    time("expires_at", null=True),
    time("revoked_at", null=True),
    time("last_used_at", null=True),
    UniqueConstraint("sha256"),
    Index(None, "org_id", "created_at"),
)

# How many credits lie where: of each organization `available`, `reserved` and `used`, and what the installation
# `granted` (organization ''; it may be negative, and is). All together are always 0.
ledger_accounts = Table(
    "ledger_accounts",
    metadata,
    words("org_id", key=True),
    words("name", key=True),
    big("credits"),
)

# Every move of credits from one account to another.
ledger_transfers = Table(
    "ledger_transfers",
    metadata,
    words("id", key=True),
    words("org_id"),
    words("run_id", ForeignKey("runs.id"), null=True),
    words("kind"),
    words("source"),
    words("target"),
    big("credits"),
    words("note", default=""),
    time("created_at"),
    UniqueConstraint("run_id", "kind"),
    Index(None, "org_id", "created_at", "id"),
)

# Calls of an organization in the current minute. UNLOGGED in PostgreSQL: counting waits for no disk.
rate_windows = Table(
    "rate_windows",
    metadata,
    words("org_id", key=True),
    words("mode", key=True),
    time("started_at"),
    count("calls"),
)

# Documents of a month, where a plan counts them.
document_quotas = Table(
    "document_quotas",
    metadata,
    words("org_id", key=True),
    words("month", key=True),  # 2026-11
    big("used"),
)

# Small facts about the installation (e.g. the id of its default organization).
kv = Table(
    "kv",
    metadata,
    words("key", key=True),
    words("value"),
)
