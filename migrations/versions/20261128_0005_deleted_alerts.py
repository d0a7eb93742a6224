"""Alerts that were deleted before the bus had them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SHARED = (
    "id, task_id, task_type, algorithm_id, algorithm_name, result, confidence, detection_count, "
    "inference_time_ms, created_at, updated_at"
)


def upgrade() -> None:
    op.create_table(
        "deleted_alerts",
        sa.Column("id", _BIG_ID, autoincrement=False, nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("task_type", sa.Text(), nullable=False),
        sa.Column("image_path", sa.Text(), nullable=False),
        sa.Column("algorithm_id", sa.Text(), nullable=False),
        sa.Column("algorithm_name", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("detection_count", sa.Integer(), nullable=False),
        sa.Column("inference_time_ms", sa.Double(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    # The version before publishes what stands in `alerts`: better listed again than lost. Their
    # pictures are gone, and their names may be another alert's.
    op.execute(
        f"INSERT INTO alerts ({_SHARED}, image_path, published_at) "
        f"SELECT {_SHARED}, '', NULL FROM deleted_alerts"
    )
    op.drop_table("deleted_alerts")
