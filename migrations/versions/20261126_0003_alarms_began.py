"""When the trouble that an alarm tells of began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alarms", sa.Column("began_at", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("alarms", "began_at")
