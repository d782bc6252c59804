"""Batches with their files, events and webhooks; documents of a month."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_PENDING = "state = 'PENDING'"
_OPEN = "state != 'COMPLETED'"


def _due_index() -> None:
    condition = sa.text(_PENDING)
    op.create_index("ix_deliveries_due", "deliveries", ["next_at"], sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    op.add_column("runs", sa.Column("batch_id", sa.Text(), nullable=True))
    op.add_column("runs", sa.Column("documents_reserved", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.create_table(
        "batches",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("flow_id", sa.Text(), nullable=False),
        sa.Column("flow_version", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("files_total", sa.Integer(), nullable=False),
        sa.Column("files_done", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("files_failed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("metadata", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("cancelled_at", sa.BigInteger(), nullable=True),
        sa.Column("last_sequence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("results_key", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("trace_id", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("request_sha256", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        sa.UniqueConstraint("org_id", "mode", "idempotency_key", name=op.f("uq_batches_org_id_mode_idempotency_key")),
    )
    op.create_index(op.f("ix_batches_org_id_mode_created_at_id"), "batches", ["org_id", "mode", "created_at", "id"])
    op.create_index(
        "ix_batches_open", "batches", ["created_at"], sqlite_where=sa.text(_OPEN), postgresql_where=sa.text(_OPEN)
    )
    op.create_table(
        "batch_files",
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("counted", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_batch_files_batch_id_batches")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_batch_files_run_id_runs")),
        sa.PrimaryKeyConstraint("batch_id", "position", name=op.f("pk_batch_files")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "batch_events",
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_batch_events_batch_id_batches")),
        sa.PrimaryKeyConstraint("batch_id", "sequence", name=op.f("pk_batch_events")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "document_quotas",
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "month", name=op.f("pk_document_quotas")),
    )
    _tell_of_batches()


def _tell_of_batches() -> None:
    op.create_table(
        "batch_webhooks",
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("format", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_batch_webhooks_batch_id_batches")),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_batch_webhooks")),
    )
    op.drop_index("ix_deliveries_due", "deliveries")  # a copy would lose its condition
    with op.batch_alter_table("deliveries") as table:
        table.alter_column("run_id", existing_type=sa.Text(), nullable=True)
        table.add_column(sa.Column("batch_id", sa.Text(), nullable=True))
        table.add_column(sa.Column("body", sa.Text(), nullable=True))
        table.create_foreign_key(op.f("fk_deliveries_batch_id_batches"), "batches", ["batch_id"], ["id"])
        table.create_unique_constraint(op.f("uq_deliveries_batch_id"), ["batch_id"])
    _due_index()


def downgrade() -> None:
    op.execute(
        "DELETE FROM delivery_attempts WHERE delivery_id IN (SELECT id FROM deliveries WHERE batch_id IS NOT NULL)"
    )
    op.execute("DELETE FROM deliveries WHERE batch_id IS NOT NULL")
    op.drop_index("ix_deliveries_due", "deliveries")
    with op.batch_alter_table("deliveries") as table:
        table.drop_constraint(op.f("uq_deliveries_batch_id"), type_="unique")
        table.drop_constraint(op.f("fk_deliveries_batch_id_batches"), type_="foreignkey")
        table.drop_column("batch_id")
        table.drop_column("body")
        table.alter_column("run_id", existing_type=sa.Text(), nullable=False)
    _due_index()
    for name in ("batch_webhooks", "batch_events", "batch_files", "batches", "document_quotas"):
        op.drop_table(name)
    op.drop_column("runs", "documents_reserved")
    op.drop_column("runs", "batch_id")
