"""From which address a service was registered, and registrations that wait for approval."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_KEPT = "kept_registration_requests"


def upgrade() -> None:
    op.add_column(
        "services", sa.Column("registered_from", sa.Text(), server_default="", nullable=False)
    )
    if sa.inspect(op.get_bind()).has_table(_KEPT):
        op.rename_table(_KEPT, "registration_requests")
        return
    op.create_table(
        "registration_requests",
        sa.Column("service_id", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("registration", sa.Text(), nullable=False),
        sa.Column("registered_from", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.Double(), nullable=False),
        sa.Column("last_heartbeat", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("service_id", "endpoint"),
    )


def downgrade() -> None:
    # Field clients ask once: what waits must be there after the next upgrade.
    op.rename_table("registration_requests", _KEPT)
    op.drop_column("services", "registered_from")
