"""Every table, once, for SQLite and PostgreSQL; migrations must end at exactly this (a test compares).

Portable types only: ids, enums and JSON are text (JSON is written and read by us, the database never looks inside), times
are microseconds since the epoch in UTC, a truth is 0 or 1. What the values mean: `docmill.domain.models`.

Partial indexes are used only by queries that repeat their condition: write `state = 'READY'` and `kind = 'PROBE'` in the
statement, not as an argument (SQLite cannot prove a placeholder; PostgreSQL's generic plans cannot either).
A comparison such as `lease_until < $1` already proves IS NOT NULL.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

__all__ = ["metadata"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str, *args: Any, default: str | None = None, null: bool = False, key: bool = False) -> Column[str]:
    given = None if default is None else text(f"'{default}'")
    return Column(name, Text, *args, primary_key=key, nullable=null, server_default=given)


def _count(name: str, *, default: int | None = None, null: bool = False) -> Column[int]:
    """A number that fits 32 bits: a page, an attempt, a flag, milliseconds of one page."""
    given = None if default is None else text(str(default))
    return Column(name, Integer, nullable=null, server_default=given)


def _big(name: str, *, default: int | None = None, null: bool = False) -> Column[int]:
    """A number that may not: bytes, credits, sums."""
    given = None if default is None else text(str(default))
    return Column(name, BigInteger, nullable=null, server_default=given)


def _time(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


organizations = Table(
    "organizations",
    metadata,
    _text("id", key=True),
    _text("name"),
    _text("plan_id"),
    _time("created_at"),
    _text("webhook_secret", default=""),  # encrypted
)

api_keys = Table(
    "api_keys",
    metadata,
    _text("id", key=True),
    _text("org_id", ForeignKey("organizations.id")),
    _text("mode"),
    _text("name"),
    _text("sha256"),  # hex, of the whole key
    _text("last4"),
    _text("scopes"),  # separated by spaces
    _time("created_at"),
    _time("expires_at", null=True),
    _time("revoked_at", null=True),
    _time("last_used_at", null=True),
    UniqueConstraint("sha256"),
    Index(None, "org_id", "created_at"),
)

documents = Table(
    "documents",
    metadata,
    _text("id", key=True),
    _text("org_id"),
    _text("mode"),
    _text("filename"),
    _text("declared_type", default=""),
    _text("sha256"),
    _big("size"),
    _text("blob_key"),
    _time("created_at"),
    _text("probe"),
    _text("media_type", default=""),
    _text("pages", default="[]"),
    _text("fault", null=True),
    _text("use", default="NONE"),  # RUNS: a run is over it; DELETED: it is being deleted
    # Who else has the same bytes.
    Index(None, "org_id", "sha256"),
)

# Documents that no run is over: small however long the history is.
Index(
    "ix_documents_unused",
    documents.c.created_at,
    sqlite_where=documents.c.use != text("'RUNS'"),
    postgresql_where=documents.c.use != text("'RUNS'"),
)

flow_versions = Table(
    "flow_versions",
    metadata,
    _text("flow_id", key=True),
    _text("org_id", key=True),  # empty: a flow of the installation
    _text("version", key=True),
    _text("name"),
    _text("description", default=""),
    _count("hidden", default=0),
    _text("input_schema"),
    _text("output_schema"),
    _text("limits"),
    _text("definition"),
    _time("created_at"),
)

runs = Table(
    "runs",
    metadata,
    _text("id", key=True),
    _text("org_id"),
    _text("mode"),
    _text("flow_id"),
    _text("flow_version"),
    _text("document_id", ForeignKey("documents.id")),
    _text("state"),
    _count("priority"),  # Priority.rank: 0 goes first
    _text("variables", default="{}"),
    _text("metadata", default="{}"),
    _time("created_at"),
    _time("started_at", null=True),
    _time("ended_at", null=True),
    _time("deadline", null=True),
    _big("last_sequence", default=0),
    _count("pages_total", null=True),
    _count("pages_done", default=0),
    _count("pages_failed", default=0),
    _text("step", default=""),
    _text("output_key", default=""),
    _text("fault", null=True),
    _big("credits_reserved", default=0),
    _big("credits_used", default=0),
    _big("engine_ms", default=0),
    _text("trace_id", default=""),
    _text("labels", default="{}"),
    _time("admitted_at", null=True),
    _big("tokens_used", default=0),
    _big("cost_micros", default=0),
    _count("steps_run", default=0),
    _count("steps_total", default=0),
    _text("batch_id", null=True),  # without a key to batches: they are looked up from batch_files
    _count("documents_reserved", default=0),
    # Lists, newest first: read backwards by ORDER BY created_at DESC, id DESC.
    Index(None, "org_id", "mode", "created_at", "id"),
    # Runs that wait for a document's probe.
    Index(None, "document_id", "state"),
)

# Open runs whose deadline passed.
Index(
    None,
    runs.c.state,
    runs.c.deadline,
    sqlite_where=runs.c.deadline.is_not(None),
    postgresql_where=runs.c.deadline.is_not(None),
)

# A run's labels, one row each, to find runs by: `runs.labels` has them together.
run_labels = Table(
    "run_labels",
    metadata,
    _text("run_id", ForeignKey("runs.id"), key=True),
    _text("name", key=True),
    _text("org_id"),
    _text("mode"),
    _text("value"),
    Index(None, "org_id", "mode", "name", "value"),
)

# The line of an organization and mode: runs that wait to be let in, in the order in which they will be.
Index(
    "ix_runs_waiting",
    runs.c.org_id,
    runs.c.mode,
    runs.c.priority,
    runs.c.created_at,
    runs.c.id,
    sqlite_where=text("state = 'QUEUED' AND admitted_at IS NULL"),
    postgresql_where=text("state = 'QUEUED' AND admitted_at IS NULL"),
)

# Runs that were let in and have not ended.
Index(
    "ix_runs_admitted",
    runs.c.org_id,
    runs.c.mode,
    sqlite_where=text("state IN ('QUEUED', 'RUNNING') AND admitted_at IS NOT NULL"),
    postgresql_where=text("state IN ('QUEUED', 'RUNNING') AND admitted_at IS NOT NULL"),
)

jobs = Table(
    "jobs",
    metadata,
    _text("id", key=True),
    _text("kind"),
    _text("org_id"),
    _text("run_id", default=""),  # empty: a probe, or the picture of a page
    _text("document_id", ForeignKey("documents.id")),
    _count("page", default=0),
    _text("state"),
    _count("priority"),
    _count("attempt", default=1),
    _count("failures", default=0),
    _time("ready_at"),
    _time("lease_until", null=True),
    _time("created_at"),
    _text("page_key", default=""),
    _text("engine", default=""),
    Column("confidence", Double, nullable=True),
    _count("words", null=True),
    _count("duration_ms", null=True),
    _count("cached", default=0),
    _text("quality", null=True),
    _text("fault", null=True),
    # A page of a run is one job, whoever plans it; a document has one probe, and one picture of a page in the making. Also: the jobs of a run in order.
    Index(None, "run_id", "kind", "page", "document_id", unique=True),
)

# Who is next of each organization: small however long the history is.
Index(
    "ix_jobs_ready",
    jobs.c.priority,
    jobs.c.org_id,
    jobs.c.ready_at,
    jobs.c.created_at,
    sqlite_where=jobs.c.state == text("'READY'"),
    postgresql_where=jobs.c.state == text("'READY'"),
)

# What is on the bus or in workers' hands: whose lease ran out, and how much of it is whose.
Index(
    "ix_jobs_published",
    jobs.c.lease_until,
    jobs.c.org_id,
    sqlite_where=jobs.c.state == text("'PUBLISHED'"),
    postgresql_where=jobs.c.state == text("'PUBLISHED'"),
)

# A document's probe.
Index(
    "ix_jobs_probe",
    jobs.c.document_id,
    sqlite_where=jobs.c.kind == text("'PROBE'"),
    postgresql_where=jobs.c.kind == text("'PROBE'"),
)

run_events = Table(
    "run_events",
    metadata,
    _text("run_id", ForeignKey("runs.id"), key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    _text("kind"),
    _time("at"),
    _text("payload", default="{}"),
    sqlite_with_rowid=False,  # a run's events lie side by side, without a second tree for the key
)

# How many credits lie where: of each organization `available`, `reserved` and `used`, and what the installation
# `granted` (organization ''; it may be negative, and is). All together are always 0.
ledger_accounts = Table(
    "ledger_accounts",
    metadata,
    _text("org_id", key=True),
    _text("name", key=True),
    _big("credits"),
)

# Every move of credits from one account to another.
ledger_transfers = Table(
    "ledger_transfers",
    metadata,
    _text("id", key=True),
    _text("org_id"),
    _text("run_id", ForeignKey("runs.id"), null=True),
    _text("kind"),
    _text("source"),
    _text("target"),
    _big("credits"),
    _text("note", default=""),
    _time("created_at"),
    UniqueConstraint("run_id", "kind"),
    Index(None, "org_id", "created_at", "id"),
)

# Calls of an organization in the current minute. UNLOGGED in PostgreSQL: counting waits for no disk.
rate_windows = Table(
    "rate_windows",
    metadata,
    _text("org_id", key=True),
    _text("mode", key=True),
    _time("started_at"),
    _count("calls"),
)

# Which run an idempotency key made.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    _text("org_id", key=True),
    _text("mode", key=True),
    _text("flow_id", key=True),
    _text("key", key=True),
    _text("request_sha256"),
    # Checked at the commit: the key is taken before its run is recorded.
    _text("run_id", ForeignKey("runs.id", deferrable=True, initially="DEFERRED")),
    _time("created_at"),
    Index(None, "created_at"),
)

# Documents submitted together.
batches = Table(
    "batches",
    metadata,
    _text("id", key=True),
    _text("org_id"),
    _text("mode"),
    _text("flow_id"),
    _text("flow_version"),
    _text("state"),
    _count("files_total"),
    _count("files_done", default=0),
    _count("files_failed", default=0),
    _text("metadata", default="{}"),
    _time("created_at"),
    _time("started_at", null=True),
    _time("completed_at", null=True),
    _time("cancelled_at", null=True),
    _big("last_sequence", default=0),
    _text("results_key", default=""),
    _text("trace_id", default=""),
    _text("idempotency_key", null=True),  # for a day
    _text("request_sha256", default=""),
    UniqueConstraint("org_id", "mode", "idempotency_key"),
    # Lists, newest first.
    Index(None, "org_id", "mode", "created_at", "id"),
)

# Batches that have not completed.
Index(
    "ix_batches_open",
    batches.c.created_at,
    sqlite_where=batches.c.state != text("'COMPLETED'"),
    postgresql_where=batches.c.state != text("'COMPLETED'"),
)

# Batches whose results are kept.
Index(
    "ix_batches_kept",
    batches.c.created_at,
    sqlite_where=batches.c.results_key != text("''"),
    postgresql_where=batches.c.results_key != text("''"),
)

# The files of a batch in the order in which they were submitted.
batch_files = Table(
    "batch_files",
    metadata,
    _text("batch_id", ForeignKey("batches.id"), key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),  # from 0
    _text("run_id", ForeignKey("runs.id")),
    _count("counted", default=0),  # 1: the batch has recorded the run's end
    sqlite_with_rowid=False,
)

batch_events = Table(
    "batch_events",
    metadata,
    _text("batch_id", ForeignKey("batches.id"), key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    _text("kind"),
    _time("at"),
    _text("payload", default="{}"),
    sqlite_with_rowid=False,
)

# Documents of a month, where a plan counts them.
document_quotas = Table(
    "document_quotas",
    metadata,
    _text("org_id", key=True),
    _text("month", key=True),  # 2026-11
    _big("used"),
)

# Who wants word of a batch's end.
batch_webhooks = Table(
    "batch_webhooks",
    metadata,
    _text("batch_id", ForeignKey("batches.id"), key=True),
    _text("url"),
    _text("host"),
    _text("secret", default=""),  # encrypted; empty: the organization's
    _text("format", default=""),
)

# Who wants word of a run's end.
webhooks = Table(
    "webhooks",
    metadata,
    _text("run_id", ForeignKey("runs.id"), key=True),
    _text("url"),
    _text("host"),
    _text("secret", default=""),  # encrypted; empty: the organization's
    _text("format", default=""),
    _count("on_cancel", default=0),
)

deliveries = Table(
    "deliveries",
    metadata,
    _text("id", key=True),
    _text("org_id"),
    _text("mode"),
    _text("run_id", ForeignKey("runs.id"), null=True),  # or a batch
    _text("event"),
    _text("state"),
    _count("attempt", default=0),  # attempts made since it was (re)started
    _time("next_at", null=True),
    _time("lease_until", null=True),
    _time("created_at"),
    _time("ended_at", null=True),
    _text("batch_id", ForeignKey("batches.id"), null=True),
    _text("body", null=True),  # kept where every attempt has to send the same
    Index(None, "run_id", "created_at"),
    # A batch tells of its end once.
    UniqueConstraint("batch_id"),
)

# What is due: small however long the history is.
Index(
    "ix_deliveries_due",
    deliveries.c.next_at,
    sqlite_where=deliveries.c.state == text("'PENDING'"),
    postgresql_where=deliveries.c.state == text("'PENDING'"),
)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    _text("delivery_id", ForeignKey("deliveries.id"), key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # of all attempts ever made, from 1
    _time("at"),
    _count("http_status", null=True),
    _count("duration_ms"),
    _text("error", default=""),
)

# Small facts about the installation (e.g. the id of its default organization).
kv = Table(
    "kv",
    metadata,
    _text("key", key=True),
    _text("value"),
)
