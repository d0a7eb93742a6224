"""The task types of each camera, with the hour of its last frame of a type.

A new table: the release before goes on writing beside it, and its frames of new cameras are listed
once a process of this release has settled a frame of theirs.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "camera_types",
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("task_type", sa.Text(), nullable=False),
        sa.Column("last_hour", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("task_id", "task_type"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_camera_types_last_hour", "camera_types", ["last_hour"])
    op.execute(
        "INSERT INTO camera_types SELECT task_id, task_type, max(hour) FROM camera_hours"
        " WHERE frames > 0 GROUP BY task_id, task_type"
    )


def downgrade() -> None:
    op.drop_table("camera_types")
