"""How well each page could be read, and whether its text was there already."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("cached", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("jobs", sa.Column("quality", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "quality")
    op.drop_column("jobs", "cached")
