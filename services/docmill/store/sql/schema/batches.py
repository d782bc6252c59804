"""Batches, their files and events."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, UniqueConstraint, text

from docmill.store.sql.schema.columns import big, count, metadata, only, time, words

# Documents submitted together.
batches = Table(
    "batches",
    metadata,
    words("id", key=True),
    words("org_id"),
    words("mode"),
    words("flow_id"),
    words("flow_version"),
    words("state"),
    count("files_total"),
    count("files_done", default=0),
    count("files_failed", default=0),
    words("metadata", default="{}"),
    time("created_at"),
    time("started_at", null=True),
    time("completed_at", null=True),
    time("cancelled_at", null=True),
    big("last_sequence", default=0),
    words("results_key", default=""),
    words("trace_id", default=""),
    words("idempotency_key", null=True),  # for a day
    words("request_sha256", default=""),
    UniqueConstraint("org_id", "mode", "idempotency_key"),
    # Lists, newest first.
    Index(None, "org_id", "mode", "created_at", "id"),
)

# Batches that have not completed.
Index(
    "ix_batches_open",
    batches.c.created_at,
    **only(batches.c.state != text("'COMPLETED'")),
)

# Batches whose results are kept.
Index(
    "ix_batches_kept",
    batches.c.created_at,
    **only(batches.c.results_key != text("''")),
)

# The files of a batch in the order in which they were submitted.
batch_files = Table(
    "batch_files",
    metadata,
    words("batch_id", ForeignKey("batches.id"), key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),  # from 0
    words("run_id", ForeignKey("runs.id")),
    count("counted", default=0),  # 1: the batch has recorded the run's end
    sqlite_with_rowid=False,
)

batch_events = Table(
    "batch_events",
    metadata,
    words("batch_id", ForeignKey("batches.id"), key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    words("kind"),
    time("at"),
    words("payload", default="{}"),
    sqlite_with_rowid=False,
)
