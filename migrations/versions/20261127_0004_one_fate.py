"""Process identity, the installation's id, deletions, rate limits, requeued and retried frames."""

from __future__ import annotations

import time
import uuid

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_RETRIED = sa.text("settled_at IS NULL AND tries > 0")
_KEPT_SUPERSEDED = "kept_superseded"
_COUNTS = ("requests", "responses", "successes", "failures", "processed")
_REQUEUED = sa.text("state = 'pending' AND requeued_at IS NOT NULL")


def _number(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double(), server_default="0", nullable=False)


def upgrade() -> None:
    op.add_column("frames", sa.Column("requeued_at", sa.Double(), nullable=True))
    op.create_index(
        "ix_frames_retried",
        "frames",
        ["found_at"],
        unique=False,
        sqlite_where=_RETRIED,
        postgresql_where=_RETRIED,
    )
    op.create_index(
        "ix_frames_requeued",
        "frames",
        ["task_type", "id"],
        unique=False,
        sqlite_where=_REQUEUED,
        postgresql_where=_REQUEUED,
    )
    op.add_column("alerts", sa.Column("image_version", sa.Text(), nullable=True))
    op.add_column(
        "statistics", sa.Column("superseded", sa.BigInteger(), server_default="0", nullable=False)
    )
    _restore_superseded()
    op.add_column("task_types", _number("seen_at"))
    op.add_column("task_types", _number("framed_at"))
    op.add_column("task_types", sa.Column("rate_tokens", sa.Double(), nullable=True))
    op.add_column("task_types", _number("rate_at"))
    op.add_column("processes", sa.Column("start_ticks", sa.BigInteger(), nullable=True))
    op.add_column("processes", _number("clock_offset_sec"))
    if not _brought_back("installation"):
        _installation()
    if not _brought_back("deletions"):
        _deletions()
    op.create_table(
        "generations",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.execute("INSERT INTO generations (name, number) VALUES ('registry', 1)")
    op.execute("UPDATE task_types SET seen_at = first_seen")


def _brought_back(table: str) -> bool:
    """Whether a downgrade had kept this table."""
    kept = sa.inspect(op.get_bind()).has_table(f"kept_{table}")
    if kept:
        op.rename_table(f"kept_{table}", table)
    return kept


def _restore_superseded() -> None:
    """Bring back what a downgrade kept, but not into a bucket that was reset since."""
    if not sa.inspect(op.get_bind()).has_table(_KEPT_SUPERSEDED):
        return
    same = "kept.bucket = statistics.bucket AND kept.task_type = statistics.task_type"
    goes_on = " AND ".join(f"statistics.{name} >= kept.{name}" for name in _COUNTS)
    op.execute(
        "UPDATE statistics SET superseded = "
        f"(SELECT kept.superseded FROM {_KEPT_SUPERSEDED} AS kept WHERE {same}) "
        f"WHERE EXISTS (SELECT 1 FROM {_KEPT_SUPERSEDED} AS kept WHERE {same} AND {goes_on})"
    )
    op.drop_table(_KEPT_SUPERSEDED)


def _installation() -> None:
    op.create_table(
        "installation",
        sa.Column("pk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("installation_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk"),
    )
    own = sa.text("INSERT INTO installation (pk, installation_id, created_at) VALUES (1, :id, :at)")
    op.get_bind().execute(own, {"id": uuid.uuid4().hex, "at": time.time()})


def _deletions() -> None:
    op.create_table(
        "deletions",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("generations")
    # An installation with another id would not know its own pictures and folders again.
    for table in ("deletions", "installation"):
        op.rename_table(table, f"kept_{table}")
    op.execute(
        f"CREATE TABLE {_KEPT_SUPERSEDED} AS "
        f"SELECT bucket, task_type, superseded, {', '.join(_COUNTS)} FROM statistics "
        "WHERE superseded > 0"
    )
    for table, column in (
        ("processes", "clock_offset_sec"),
        ("processes", "start_ticks"),
        ("task_types", "rate_at"),
        ("task_types", "rate_tokens"),
        ("task_types", "framed_at"),
        ("task_types", "seen_at"),
        ("statistics", "superseded"),
        ("alerts", "image_version"),
    ):
        op.drop_column(table, column)
    op.drop_index("ix_frames_requeued", table_name="frames")
    op.drop_index("ix_frames_retried", table_name="frames")
    op.drop_column("frames", "requeued_at")
