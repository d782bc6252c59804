"""Documents, flows, runs over documents, and the jobs of runs."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Index, Table, text

from docmill.store.sql.schema.columns import big, count, metadata, only, time, words

documents = Table(
    "documents",
    metadata,
    words("id", key=True),
    words("org_id"),
    words("mode"),
    words("filename"),
    words("declared_type", default=""),
    words("sha256"),
    big("size"),
    words("blob_key"),
    time("created_at"),
    words("probe"),
    words("media_type", default=""),
    words("pages", default="[]"),
    words("fault", null=True),
    words("use", default="NONE"),  # RUNS: a run is over it; DELETED: it is being deleted
    # Who else has the same bytes.
    Index(None, "org_id", "sha256"),
)

# Documents that no run is over: small however long the history is.
Index(
    "ix_documents_unused",
    documents.c.created_at,
    **only(documents.c.use != text("'RUNS'")),
)

flow_versions = Table(
    "flow_versions",
    metadata,
    words("flow_id", key=True),
    words("org_id", key=True),  # empty: a flow of the installation
    words("version", key=True),
    words("name"),
    words("description", default=""),
    count("hidden", default=0),
    words("input_schema"),
    words("output_schema"),
    words("limits"),
    words("definition"),
    time("created_at"),
)

runs = Table(
    "runs",
    metadata,
    words("id", key=True),
    words("org_id"),
    words("mode"),
    words("flow_id"),
    words("flow_version"),
    words("document_id", ForeignKey("documents.id")),
    words("state"),
    count("priority"),  # Priority.rank: 0 goes first
    words("variables", default="{}"),
    words("metadata", default="{}"),
    time("created_at"),
    time("started_at", null=True),
    time("ended_at", null=True),
    time("deadline", null=True),
    big("last_sequence", default=0),
    count("pages_total", null=True),
    count("pages_done", default=0),
    count("pages_failed", default=0),
    words("step", default=""),
    words("output_key", default=""),
    words("fault", null=True),
    big("credits_reserved", default=0),
    big("credits_used", default=0),
    big("engine_ms", default=0),
    words("trace_id", default=""),
    words("labels", default="{}"),
    time("admitted_at", null=True),
    big("tokens_used", default=0),
    big("cost_micros", default=0),
    count("steps_run", default=0),
    count("steps_total", default=0),
    words("batch_id", null=True),  # without a key to batches: they are looked up from batch_files
    count("documents_reserved", default=0),
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
    **only(runs.c.deadline.is_not(None)),
)

# A run's labels, one row each, to find runs by: `runs.labels` has them together.
run_labels = Table(
    "run_labels",
    metadata,
    words("run_id", ForeignKey("runs.id"), key=True),
    words("name", key=True),
    words("org_id"),
    words("mode"),
    words("value"),
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
    **only(text("state = 'QUEUED' AND admitted_at IS NULL")),
)

# Runs that were let in and have not ended.
Index(
    "ix_runs_admitted",
    runs.c.org_id,
    runs.c.mode,
    **only(text("state IN ('QUEUED', 'RUNNING') AND admitted_at IS NOT NULL")),
)

jobs = Table(
    "jobs",
    metadata,
    words("id", key=True),
    words("kind"),
    words("org_id"),
    words("run_id", default=""),  # empty: a probe, or the picture of a page
    words("document_id", ForeignKey("documents.id")),
    count("page", default=0),
    words("state"),
    count("priority"),
    count("attempt", default=1),
    count("failures", default=0),
    time("ready_at"),
    time("lease_until", null=True),
    time("created_at"),
    words("page_key", default=""),
    words("engine", default=""),
    Column("confidence", Double, nullable=True),
    count("words", null=True),
    count("duration_ms", null=True),
    count("cached", default=0),
    words("quality", null=True),
    words("fault", null=True),
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
    **only(jobs.c.state == text("'READY'")),
)

# What is on the bus or in workers' hands: whose lease ran out, and how much of it is whose.
Index(
    "ix_jobs_published",
    jobs.c.lease_until,
    jobs.c.org_id,
    **only(jobs.c.state == text("'PUBLISHED'")),
)

# A document's probe.
Index(
    "ix_jobs_probe",
    jobs.c.document_id,
    **only(jobs.c.kind == text("'PROBE'")),
)

run_events = Table(
    "run_events",
    metadata,
    words("run_id", ForeignKey("runs.id"), key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    words("kind"),
    time("at"),
    words("payload", default="{}"),
    sqlite_with_rowid=False,  # a run's events lie side by side, without a second tree for the key
)

# Which run an idempotency key made.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    words("org_id", key=True),
    words("mode", key=True),
    words("flow_id", key=True),
    words("key", key=True),
    words("request_sha256"),
    # Checked at the commit: the key is taken before its run is recorded.
    words("run_id", ForeignKey("runs.id", deferrable=True, initially="DEFERRED")),
    time("created_at"),
    Index(None, "created_at"),
)
