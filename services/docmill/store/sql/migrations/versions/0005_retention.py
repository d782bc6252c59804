"""What is too old is found by time, and who else has the same bytes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    kept = sa.text("results_key != ''")
    op.create_index("ix_batches_kept", "batches", ["created_at"], sqlite_where=kept, postgresql_where=kept)
    op.create_index(op.f("ix_documents_org_id_sha256"), "documents", ["org_id", "sha256"])


def downgrade() -> None:
    op.drop_index(op.f("ix_documents_org_id_sha256"), "documents")
    op.drop_index("ix_batches_kept", "batches")
