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
_DROPS = ("queue_full", "too_old", "disk_low", "sampled")
_NEW_COUNTS = ("found", *_DROPS)
_LARGEST = ("infer_ms_max", "move_ms_max")
_SUMMED = (*_OLD_COUNTS, *(name for name in _OLD_REST if name not in _LARGEST))
# What a downgrade keeps for the next upgrade; migration 0001 drops them on its way down.
_KEPT_STATISTICS, _KEPT_OUTBOX = "kept_statistics", "kept_outbox"


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
    _restore_outbox()
    _statistics_by_type()
    _storage("SET", _LARGE, _BUSY)


def _statistics_by_type() -> None:
    kept = sa.inspect(op.get_bind()).has_table(_KEPT_STATISTICS)
    op.rename_table("statistics", "statistics_before")
    if op.get_bind().dialect.name == "postgresql":
        # The name of the key stays with the renamed table.
        op.execute("ALTER INDEX statistics_pkey RENAME TO statistics_before_pkey")
    _statistics(
        sa.Column("task_type", sa.Text(), nullable=False),
        *(_count(name) for name in _NEW_COUNTS),
        key=["bucket", "task_type"],
    )
    if kept:
        _restore_statistics()
    else:
        columns = ", ".join((*_OLD_COUNTS, *_OLD_REST, "updated_at"))
        op.execute(
            f"INSERT INTO statistics (bucket, task_type, {columns}) "
            f"SELECT bucket, '', {columns} FROM statistics_before"
        )
    op.drop_table("statistics_before")


def _restore_statistics() -> None:
    """Bring back what a downgrade kept by type, and add what was counted since under no type.

    A bucket that went back in between was forgotten or reset there: then only its new counts stay.
    """
    columns = ", ".join((*_NEW_COUNTS, *_OLD_COUNTS, *_OLD_REST, "updated_at"))
    sums = ", ".join(f"sum({name}) AS {name}" for name in _SUMMED)
    goes_on = " AND ".join(f"old.{name} >= kept.{name}" for name in _OLD_COUNTS)
    op.execute(
        f"INSERT INTO statistics (bucket, task_type, {columns}) "
        f"SELECT bucket, task_type, {columns} FROM {_KEPT_STATISTICS} WHERE bucket IN "
        f"(SELECT old.bucket FROM statistics_before AS old JOIN "
        f"(SELECT bucket, {sums} FROM {_KEPT_STATISTICS} GROUP BY bucket) AS kept "
        f"ON kept.bucket = old.bucket WHERE {goes_on})"
    )
    # What is there now is a part of the old sums: the rest was counted since.
    rest = ", ".join(f"old.{name} - coalesce(now.{name}, 0)" for name in _SUMMED)
    more = " OR ".join(f"old.{name} > coalesce(now.{name}, 0)" for name in _OLD_COUNTS)
    targets = ", ".join((*_SUMMED, *_LARGEST, "updated_at"))
    largest = ", ".join(f"old.{name}" for name in (*_LARGEST, "updated_at"))
    op.execute(
        f"INSERT INTO statistics (bucket, task_type, {targets}) "
        f"SELECT old.bucket, '', {rest}, {largest} FROM statistics_before AS old LEFT JOIN "
        f"(SELECT bucket, {sums} FROM statistics GROUP BY bucket) AS now "
        f"ON now.bucket = old.bucket WHERE now.bucket IS NULL OR {more} "
        "ON CONFLICT (bucket, task_type) DO UPDATE SET "
        + ", ".join(f"{name} = statistics.{name} + excluded.{name}" for name in _SUMMED)
        + "".join(f", {name} = excluded.{name}" for name in (*_LARGEST, "updated_at"))
    )
    op.drop_table(_KEPT_STATISTICS)


def _keep_statistics() -> None:
    """Sum up the statistics over the types, and keep them by type for the way back."""
    op.rename_table("statistics", _KEPT_STATISTICS)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER INDEX statistics_pkey RENAME TO {_KEPT_STATISTICS}_pkey")
    _statistics(_count("dropped"), key=["bucket"])
    sums = ", ".join(f"sum({name})" for name in _SUMMED)
    largest = ", ".join(f"max({name})" for name in (*_LARGEST, "updated_at"))
    op.execute(
        f"INSERT INTO statistics (bucket, {', '.join((*_SUMMED, *_LARGEST))}, updated_at, dropped) "
        f"SELECT bucket, {sums}, {largest}, sum({' + '.join(_DROPS)}) "
        f"FROM {_KEPT_STATISTICS} GROUP BY bucket"
    )


def _restore_outbox() -> None:
    """Let alerts wait for the bus again that did so before a downgrade."""
    if sa.inspect(op.get_bind()).has_table(_KEPT_OUTBOX):
        op.execute(
            "UPDATE alerts SET published_at = "
            f"(SELECT kept.published_at FROM {_KEPT_OUTBOX} AS kept WHERE kept.id = alerts.id) "
            f"WHERE id IN (SELECT id FROM {_KEPT_OUTBOX})"
        )
        op.drop_table(_KEPT_OUTBOX)


def downgrade() -> None:
    _storage("RESET", *(_names(parameters) for parameters in (_LARGE, _BUSY)))
    op.execute("UPDATE frames SET state = 'pending' WHERE state = 'parked'")
    _keep_statistics()
    op.execute(f"CREATE TABLE {_KEPT_OUTBOX} AS SELECT id, published_at FROM alerts")
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
