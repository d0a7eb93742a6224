"""Totals for metrics: frames by outcome, and histograms of durations.

They begin at zero: the ledger remembers a week of frames, neither all nor none, and their reasons
are sentences. Rates and increases, which is what a counter is for, are right from then on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_BUCKETS = 15


def upgrade() -> None:
    op.create_table(
        "frame_totals",
        sa.Column("task_type", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("frames", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("task_type", "outcome", "reason"),
    )
    op.create_table(
        "duration_totals",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("task_type", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        *(
            sa.Column(f"bucket_{number}", sa.BigInteger(), nullable=False)
            for number in range(_BUCKETS)
        ),
        sa.Column("sum_sec", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "task_type", "endpoint"),
    )


def downgrade() -> None:
    # After the next upgrade the totals begin again: a counter that is reset.
    op.drop_table("duration_totals")
    op.drop_table("frame_totals")
