"""What the dashboard keeps: curves, fates by camera and hour, reviewed marks, incidents and mutes.

Only new tables, and columns that may be NULL: the release before goes on writing beside it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_OF_ALARMS = {
    "reason_code": sa.Text(),
    "reason_args": sa.Text(),
    "acknowledged_by": sa.Text(),
    "acknowledged_at": sa.Double(),
}


def upgrade() -> None:
    _create_curves()
    _create_marks()
    for name, kind in _OF_ALARMS.items():
        op.add_column("alarms", sa.Column(name, kind))


def _create_curves() -> None:
    op.create_table(
        "flow",
        sa.Column("step_sec", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("task_type", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("arrived", "inferred", "dropped")
        ),
        sa.Column("waiting", sa.BigInteger()),
        sa.Column("durations", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("step_sec", "at", "task_type"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "camera_hours",
        sa.Column("hour", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("task_type", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("frames", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "task_id", "task_type", "outcome"),
        sqlite_with_rowid=False,
    )


def _create_marks() -> None:
    op.create_table(
        "alert_reviews",
        sa.Column("alert_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reviewed_by", sa.Text(), nullable=False),
        sa.Column("reviewed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("alert_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "alarm_reports",
        sa.Column("alarm_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("markdown", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("alarm_id", "language"),
    )
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "alarm_notes",
        sa.Column("id", number, nullable=False),
        sa.Column("alarm_id", sa.BigInteger(), nullable=False),
        sa.Column("noted_by", sa.Text(), nullable=False),
        sa.Column("noted_at", sa.Double(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_alarm_notes_alarm_id", "alarm_notes", ["alarm_id"])
    op.create_table(
        "mutes",
        sa.Column("id", number, nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("until_at", sa.Double(), nullable=False),
        sa.Column("muted_by", sa.Text(), nullable=False),
        sa.Column("muted_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    for name in reversed(_OF_ALARMS):
        op.drop_column("alarms", name)
    for table in ("mutes", "alarm_notes", "alarm_reports", "alert_reviews", "camera_hours", "flow"):
        op.drop_table(table)
