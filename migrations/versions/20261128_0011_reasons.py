"""Reasons as data: a code and arguments beside each text, which stays for one release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ADDED = (
    ("services", "state_reason"),
    ("services", "last_failure_reason"),
    ("frames", "reason"),
    ("events", "reason"),
    ("alarms", "cause"),
)


def upgrade() -> None:
    for table, name in _ADDED:
        op.add_column(table, sa.Column(f"{name}_code", sa.Text()))
        op.add_column(table, sa.Column(f"{name}_args", sa.Text()))


def downgrade() -> None:
    for table, name in reversed(_ADDED):
        with op.batch_alter_table(table) as batch:
            batch.drop_column(f"{name}_args")
            batch.drop_column(f"{name}_code")
