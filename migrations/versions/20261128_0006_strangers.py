"""From which address a service was registered: it may unregister itself from there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "services", sa.Column("registered_from", sa.Text(), server_default="", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("services", "registered_from")
