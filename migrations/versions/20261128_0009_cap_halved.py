"""When the learned cap of an endpoint was halved last, apart from when it changed last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "services", sa.Column("cap_halved_at", sa.Double(), server_default="0", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("services", "cap_halved_at")
