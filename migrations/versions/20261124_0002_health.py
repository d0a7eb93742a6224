"""Alarms, events, processes, the outbox, parked frames and statistics by task type."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Millions of rows: a fifth of them dead, as is the default, would be too many.
_LARGE = (
    "autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, "
    "autovacuum_analyze_scale_factor = 0.02"
)
# Few rows, updated all the time: with room in its page an update touches no index.
_BUSY = "fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500"
_OLD_COUNTS = ("requests", "responses", "successes", "failures", "processed")
_OLD_REST = ("infer_ms_sum", "infer_ms_max", "moves", "moves_failed", "move_ms_sum", "move_ms_max")


def _statistics(*of_this_version: sa.Column[int] | sa.Column[str], key: list[str]) -> None:
    op.create_table(
        "statistics",
        sa.Column("bucket", sa.BigInteger(), autoincrement=False, nullable=False),
        *of_this_version,
        *(_count(name) for name in _OLD_COUNTS),
        _sum("infer_ms_sum"),
        _sum("infer_ms_max"),
        _count("moves"),
        _count("moves_failed"),
        _sum("move_ms_sum"),
        _sum("move_ms_max"),
        _sum("updated_at"),
        sa.PrimaryKeyConstraint(*key),
    )


def _names(parameters: str) -> str:
    return ", ".join(part.partition(" =")[0] for part in parameters.split(", "))


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def _sum(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double(), server_default="0", nullable=False)


def _storage(verb: str, large: str, busy: str) -> None:
    """How PostgreSQL keeps what it deletes and updates from piling up."""
    if op.get_bind().dialect.name == "postgresql":
        for table in ("frames", "alerts"):
            op.execute(f"ALTER TABLE {table} {verb} ({large})")
        for table in ("services", "statistics", "process_leases", "processes"):
            op.execute(f"ALTER TABLE {table} {verb} ({busy})")


def upgrade() -> None:
    op.create_table(
        "alarms",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.Double(), nullable=False),
        sa.Column("told_at", sa.Double(), nullable=False),
        sa.Column("over_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_alarms_ringing",
        "alarms",
        ["kind", "subject"],
        unique=True,
        sqlite_where=sa.text("over_at IS NULL"),
        postgresql_where=sa.text("over_at IS NULL"),
    )
    op.create_table(
        "events",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_events_at"), "events", ["at"], unique=False)
    # Never trimmed: what is older in the alert folder was not made by this installation.
    installed = sa.text(
        "INSERT INTO events (at, kind, subject, text) VALUES (:now, 'installed', '', 'installed')"
    )
    op.get_bind().execute(installed, {"now": time.time()})
    op.create_table(
        "processes",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("beat_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.add_column("services", sa.Column("last_failure_reason", sa.Text(), nullable=True))
    op.add_column("services", _sum("last_failure_at"))
    op.add_column("process_leases", _sum("done_at"))
    op.add_column(
        "task_types", sa.Column("sampling_n", sa.Integer(), server_default="1", nullable=False)
    )
    op.add_column("task_types", _sum("sampling_changed_at"))
    op.add_column("task_types", sa.Column("capacity_per_sec", sa.Double(), nullable=True))
    # SQLite: an id is never given again, so that consumers of the bus can trust it.
    with op.batch_alter_table(
        "alerts",
        recreate="always" if op.get_bind().dialect.name == "sqlite" else "never",
        table_kwargs={"sqlite_autoincrement": True},
    ) as alerts:
        # Alerts of before were never meant for this outbox: 0.
        alerts.add_column(sa.Column("published_at", sa.Double(), server_default="0", nullable=True))
    op.create_index(
        "ix_alerts_unpublished",
        "alerts",
        ["id"],
        unique=False,
        sqlite_where=sa.text("published_at IS NULL"),
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_index(
        "ix_frames_parked",
        "frames",
        ["task_type", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'parked'"),
        postgresql_where=sa.text("state = 'parked'"),
    )
    _statistics_by_type()
    _storage("SET", _LARGE, _BUSY)


def _statistics_by_type() -> None:
    op.rename_table("statistics", "statistics_before")
    if op.get_bind().dialect.name == "postgresql":
        # The name of the key stays with the renamed table.
        op.execute("ALTER INDEX statistics_pkey RENAME TO statistics_before_pkey")
    _statistics(
        sa.Column("task_type", sa.Text(), nullable=False),
        *(_count(name) for name in ("found", "queue_full", "too_old", "disk_low", "sampled")),
        key=["bucket", "task_type"],
    )
    kept = ", ".join((*_OLD_COUNTS, *_OLD_REST, "updated_at"))
    op.execute(
        f"INSERT INTO statistics (bucket, task_type, {kept}) "
        f"SELECT bucket, '', {kept} FROM statistics_before"
    )
    op.drop_table("statistics_before")


def downgrade() -> None:
    _storage("RESET", *(_names(parameters) for parameters in (_LARGE, _BUSY)))
    op.execute("UPDATE frames SET state = 'pending' WHERE state = 'parked'")
    op.drop_table("statistics")
    _statistics(_count("dropped"), key=["bucket"])
    op.drop_index("ix_frames_parked", table_name="frames")
    op.drop_index("ix_alerts_unpublished", table_name="alerts")
    for table, column in (
        ("alerts", "published_at"),
        ("task_types", "capacity_per_sec"),
        ("task_types", "sampling_changed_at"),
        ("task_types", "sampling_n"),
        ("process_leases", "done_at"),
        ("services", "last_failure_at"),
        ("services", "last_failure_reason"),
    ):
        op.drop_column(table, column)
    op.drop_table("processes")
    op.drop_index(op.f("ix_events_at"), table_name="events")
    op.drop_table("events")
    op.drop_index("uq_alarms_ringing", table_name="alarms")
    op.drop_table("alarms")
