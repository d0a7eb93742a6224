"""How many calls of an endpoint have failed, by kind; counted from this migration on.

Columns with a default: the release before goes on writing beside it, and counts no failures.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_COUNTS = ("refused_count", "timeout_count", "broken_count", "unreachable_count")


def upgrade() -> None:
    for name in _COUNTS:
        op.add_column(
            "services", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
        )


def downgrade() -> None:
    for name in reversed(_COUNTS):
        op.drop_column("services", name)
