"""Frames that an operator gave up by hand are counted as discarded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "statistics", sa.Column("discarded", sa.BigInteger(), server_default="0", nullable=False)
    )


def downgrade() -> None:
    # The rows of these frames keep their outcome; only the sum begins again at 0.
    op.drop_column("statistics", "discarded")
