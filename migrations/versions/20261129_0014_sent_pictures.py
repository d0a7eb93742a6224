"""Pictures that were sent over REST, so that a restart of the API does not forget them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sent_pictures",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("after_frame", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("key"),
    )


def downgrade() -> None:
    # The release before remembers sent pictures in its process alone.
    op.drop_table("sent_pictures")
