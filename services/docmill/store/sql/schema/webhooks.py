"""Who wants word of what, and what became of it."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, UniqueConstraint, text

from docmill.store.sql.schema.columns import count, metadata, only, time, words

# Who wants word of a batch's end.
batch_webhooks = Table(
    "batch_webhooks",
    metadata,
    words("batch_id", ForeignKey("batches.id"), key=True),
    words("url"),
    words("host"),
    words("secret", default=""),  # encrypted; empty: the organization's
    words("format", default=""),
)

# Who wants word of a run's end.
webhooks = Table(
    "webhooks",
    metadata,
    words("run_id", ForeignKey("runs.id"), key=True),
    words("url"),
    words("host"),
    words("secret", default=""),  # encrypted; empty: the organization's
    words("format", default=""),
    count("on_cancel", default=0),
)

deliveries = Table(
    "deliveries",
    metadata,
    words("id", key=True),
    words("org_id"),
    words("mode"),
    words("run_id", ForeignKey("runs.id"), null=True),  # or a batch
    words("event"),
    words("state"),
    count("attempt", default=0),  # attempts made since it was (re)started
    time("next_at", null=True),
    time("lease_until", null=True),
    time("created_at"),
    time("ended_at", null=True),
    words("batch_id", ForeignKey("batches.id"), null=True),
    words("body", null=True),  # kept where every attempt has to send the same
    Index(None, "run_id", "created_at"),
    # A batch tells of its end once.
    UniqueConstraint("batch_id"),
)

# What is due: small however long the history is.
Index(
    "ix_deliveries_due",
    deliveries.c.next_at,
    **only(deliveries.c.state == text("'PENDING'")),
)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    words("delivery_id", ForeignKey("deliveries.id"), key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # of all attempts ever made, from 1
    time("at"),
    count("http_status", null=True),
    count("duration_ms"),
    words("error", default=""),
)
