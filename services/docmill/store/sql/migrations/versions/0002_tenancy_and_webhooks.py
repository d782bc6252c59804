"""Limits, idempotency, webhooks and a ledger with two sides; labels of runs, when they were let in, what their steps took."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


_INDEXES = (
    (
        "ix_runs_waiting",
        ["org_id", "mode", "priority", "created_at", "id"],
        "state = 'QUEUED' AND admitted_at IS NULL",
    ),
    ("ix_runs_admitted", ["org_id", "mode"], "state IN ('QUEUED', 'RUNNING') AND admitted_at IS NOT NULL"),
)


def _new_of_runs() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("labels", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("admitted_at", sa.BigInteger(), nullable=True),
        sa.Column("tokens_used", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("steps_run", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("steps_total", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )


def _order_by_organization() -> None:
    """Indexes for lines of runs, and for jobs in fair order."""
    for name, columns, condition in _INDEXES:
        op.create_index(name, "runs", columns, sqlite_where=sa.text(condition), postgresql_where=sa.text(condition))
    _index_jobs("ix_jobs_ready", ["priority", "org_id", "ready_at", "created_at"], "state = 'READY'")
    op.drop_index("ix_jobs_state_lease_until", "jobs")
    _index_jobs("ix_jobs_published", ["lease_until", "org_id"], "state = 'PUBLISHED'")


def _order_by_age() -> None:
    """The indexes as they were."""
    for name, _, _ in _INDEXES:
        op.drop_index(name, "runs")
    _index_jobs("ix_jobs_ready", ["priority", "ready_at", "created_at"], "state = 'READY'")
    op.drop_index("ix_jobs_published", "jobs")
    _index_jobs("ix_jobs_state_lease_until", ["state", "lease_until"], "lease_until IS NOT NULL")


def _index_jobs(name: str, columns: list[str], condition: str) -> None:
    """Make the index, in the place of one of this name."""
    op.drop_index(name, "jobs", if_exists=True)
    op.create_index(name, "jobs", columns, sqlite_where=sa.text(condition), postgresql_where=sa.text(condition))


def upgrade() -> None:
    op.add_column("organizations", sa.Column("webhook_secret", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("api_keys", sa.Column("last_used_at", sa.BigInteger(), nullable=True))
    for column in _new_of_runs():
        op.add_column("runs", column)
    op.execute("UPDATE runs SET admitted_at = created_at")  # nothing waited before
    _order_by_organization()
    op.create_table(
        "rate_windows",
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "mode", name=op.f("pk_rate_windows")),
    )
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE rate_windows SET UNLOGGED")
    op.create_table(
        "idempotency_keys",
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("flow_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_sha256", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["runs.id"],
            name=op.f("fk_idempotency_keys_run_id_runs"),
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.PrimaryKeyConstraint("org_id", "mode", "flow_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"])
    op.create_table(
        "webhooks",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("format", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("on_cancel", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_webhooks_run_id_runs")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_webhooks")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_deliveries_run_id_runs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index(op.f("ix_deliveries_run_id_created_at"), "deliveries", ["run_id", "created_at"])
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["next_at"],
        sqlite_where=sa.text("state = 'PENDING'"),
        postgresql_where=sa.text("state = 'PENDING'"),
    )
    op.create_table(
        "delivery_attempts",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_delivery_attempts_delivery_id_deliveries")
        ),
        sa.PrimaryKeyConstraint("delivery_id", "number", name=op.f("pk_delivery_attempts")),
    )
    op.create_table(
        "run_labels",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_labels_run_id_runs")),
        sa.PrimaryKeyConstraint("run_id", "name", name=op.f("pk_run_labels")),
    )
    op.create_index(op.f("ix_run_labels_org_id_mode_name_value"), "run_labels", ["org_id", "mode", "name", "value"])
    _mark_used_documents()
    _open_ledger()


def _mark_used_documents() -> None:
    op.add_column("documents", sa.Column("use", sa.Text(), server_default=sa.text("'NONE'"), nullable=False))
    op.execute("UPDATE documents SET use = 'RUNS' WHERE id IN (SELECT document_id FROM runs)")
    op.create_index(
        "ix_documents_unused",
        "documents",
        ["created_at"],
        sqlite_where=sa.text("use != 'RUNS'"),
        postgresql_where=sa.text("use != 'RUNS'"),
    )


def _open_ledger() -> None:
    """Accounts and transfers in place of entries that had one side."""
    op.create_table(
        "ledger_accounts",
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "name", name=op.f("pk_ledger_accounts")),
    )
    op.create_table(
        "ledger_transfers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_ledger_transfers_run_id_runs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_transfers")),
        sa.UniqueConstraint("run_id", "kind", name=op.f("uq_ledger_transfers_run_id_kind")),
    )
    op.create_index(
        op.f("ix_ledger_transfers_org_id_created_at_id"), "ledger_transfers", ["org_id", "created_at", "id"]
    )
    for statement in _CONVERSION:
        op.execute(statement)
    op.drop_table("ledger_entries")


# Credits were neither granted nor bounded before: each organization is granted what its runs cost and hold, no more.
_CONVERSION = (
    """
    INSERT INTO ledger_transfers (id, org_id, run_id, kind, source, target, credits, note, created_at)
    SELECT id, org_id, run_id, CASE kind WHEN 'RESERVED' THEN 'HELD' ELSE kind END,
           CASE kind WHEN 'RESERVED' THEN 'available' ELSE 'reserved' END,
           CASE kind WHEN 'RESERVED' THEN 'reserved' WHEN 'SETTLED' THEN 'used' ELSE 'available' END,
           credits, '', created_at
    FROM ledger_entries WHERE credits > 0
    """,
    """
    INSERT INTO ledger_transfers (id, org_id, run_id, kind, source, target, credits, note, created_at)
    SELECT 'led_granted_' || org_id, org_id, NULL, 'GRANTED', 'granted', 'available',
           sum(CASE kind WHEN 'HELD' THEN credits WHEN 'RELEASED' THEN -credits ELSE 0 END),
           'What runs before credits were granted cost', min(created_at)
    FROM ledger_transfers GROUP BY org_id
    HAVING sum(CASE kind WHEN 'HELD' THEN credits WHEN 'RELEASED' THEN -credits ELSE 0 END) > 0
    """,
    """
    INSERT INTO ledger_accounts (org_id, name, credits)
    SELECT org_id, name, sum(credits) FROM (
        SELECT CASE target WHEN 'granted' THEN '' ELSE org_id END AS org_id, target AS name, credits
        FROM ledger_transfers
        UNION ALL
        SELECT CASE source WHEN 'granted' THEN '' ELSE org_id END, source, -credits FROM ledger_transfers
    ) AS moves GROUP BY org_id, name
    """,
)


def _close_ledger() -> None:
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_ledger_entries_run_id_runs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint("run_id", "kind", name=op.f("uq_ledger_entries_run_id_kind")),
    )
    for kind, amount, at, when in (
        ("RESERVED", "credits_reserved", "created_at", "credits_reserved > 0"),
        ("SETTLED", "credits_used", "ended_at", "credits_reserved > 0 AND ended_at IS NOT NULL"),
        ("RELEASED", "credits_reserved - credits_used", "ended_at", "credits_reserved > 0 AND ended_at IS NOT NULL"),
    ):
        op.execute(
            "INSERT INTO ledger_entries (id, org_id, mode, run_id, kind, credits, created_at) "  # noqa: S608 - the texts above
            f"SELECT 'led_{kind}_' || id, org_id, mode, id, '{kind}', {amount}, {at} FROM runs WHERE {when}"
        )
    op.drop_table("ledger_transfers")
    op.drop_table("ledger_accounts")


def downgrade() -> None:
    _order_by_age()
    _close_ledger()
    op.execute("DELETE FROM jobs WHERE document_id IN (SELECT id FROM documents WHERE use = 'DELETED')")
    op.execute("DELETE FROM documents WHERE use = 'DELETED'")
    op.drop_index("ix_documents_unused", "documents")
    with op.batch_alter_table("documents") as batch:
        batch.drop_column("use")
    for table in ("run_labels", "delivery_attempts", "deliveries", "webhooks", "idempotency_keys", "rate_windows"):
        op.drop_table(table)
    with op.batch_alter_table("runs") as batch:
        for column in _new_of_runs():
            batch.drop_column(column.name)
    with op.batch_alter_table("api_keys") as batch:
        batch.drop_column("last_used_at")
    with op.batch_alter_table("organizations") as batch:
        batch.drop_column("webhook_secret")
