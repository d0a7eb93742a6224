"""The SQL of alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Row,
    bindparam,
    column,
    delete,
    select,
    table,
    text,
)

from easyai.db.locks import lock_in_order
from easyai.db.many import ManyRows
from easyai.domain import alarm_as_alert

AlertRow = Row[Any]

# An arbitrary number, the same in every process. On PostgreSQL, transactions that save alerts for
# the bus share this lock.
OUTBOX_LOCK = 0x6561_7380

_INTO = """
    INSERT INTO alerts (frame_id, task_id, task_type, image_path, algorithm_id, algorithm_name,
                        result, confidence, detection_count, inference_time_ms, created_at,
                        updated_at, published_at, image_version)
"""
_ADD = ManyRows(
    _INTO
    + """
    SELECT {frame_id}, {task_id}, {task_type}, {image_path}, {algorithm_id}, {algorithm_name},
           {result}, {confidence}, {detection_count}, {inference_time_ms}, {now}, {now},
           {published_at}, {image_version}
    {rows}
    """,
    {
        "frame_id": int,
        "task_id": str,
        "task_type": str,
        "image_path": str,
        "algorithm_id": str,
        "algorithm_name": str,
        "result": str,
        "confidence": float,
        "detection_count": int,
        "inference_time_ms": float,
        "now": float,
        "published_at": float,
        "image_version": str,
    },
)
_ADD_SYSTEM = text(
    _INTO
    + """
    VALUES (:frame_id, :task_id, :task_type, :image_path, :algorithm_id, :algorithm_name, :result,
            :confidence, :detection_count, :inference_time_ms, :now, :now, :published_at, NULL)
    RETURNING id
    """
)
_SHARE_OUTBOX = text("SELECT pg_advisory_xact_lock_shared(:n)")
# The last condition is the condition of the partial index: without it SQLite reads every alert.
_TAKEN = text("""
    SELECT image_path FROM alerts WHERE image_path IN :paths AND image_path <> ''
""").bindparams(bindparam("paths", expanding=True))
# Retention of alerts of cameras and of the system is separate: neither displaces the other.
_OF_CAMERAS, _OF_SYSTEM = "task_id <> 'system'", "task_id = 'system'"
_COUNTS = text(f"""
    SELECT (SELECT coalesce(sum(alerts), 0) FROM alert_counts WHERE of_all = 1 AND task_type = ''),
           (SELECT count(*) FROM alerts WHERE {_OF_SYSTEM})
""")  # noqa: S608
_OLDEST_OF_CAMERAS, _OLDEST_OF_SYSTEM = (
    text(f"""
    SELECT id, published_at IS NULL FROM alerts
     WHERE {whose} AND id > :after ORDER BY id LIMIT :most
    """)  # noqa: S608
    for whose in (_OF_CAMERAS, _OF_SYSTEM)
)
# Not the model: SQLAlchemy's mapper costs 7 MB in each process that imports the model.
ALERTS = table(
    "alerts",
    column("id", BigInteger()),  # by itself it would take the size of the first id of a list
    *map(
        column,
        (
            "frame_id",
            "task_id",
            "task_type",
            "image_path",
            "algorithm_id",
            "algorithm_name",
            "result",
            "confidence",
            "detection_count",
            "inference_time_ms",
            "created_at",
            "updated_at",
            "published_at",
            "image_version",
        ),
    ),
)
_COLUMNS = ALERTS.c
_IDS = text("SELECT id FROM alerts WHERE frame_id IN :ids").bindparams(
    bindparam("ids", expanding=True)
)
_FRAME_IDS = text("""
    SELECT frame_id FROM alerts WHERE id IN :ids AND frame_id IS NOT NULL
""").bindparams(bindparam("ids", expanding=True))


def add(conn: Connection, rows: Sequence[Mapping[str, Any]], *, for_bus: bool) -> None:
    """Save alerts; with `for_bus` (`AiAnalysis.has_bus`) they wait in the outbox."""
    if rows:
        published_at = _published_at(conn, for_bus=for_bus)
        defaults = {"image_version": None, "published_at": published_at}
        _ADD.run(conn, [{**defaults, **row} for row in rows])


def add_system(conn: Connection, kind: str, result: str, now: float, *, for_bus: bool) -> int:
    """Save a system alert with a `system_result`; returns its id."""
    row = {
        **alarm_as_alert.COMMON,
        "task_type": kind,
        "result": result,
        "now": now,
        "published_at": _published_at(conn, for_bus=for_bus),
    }
    alert_id: int = conn.execute(_ADD_SYSTEM, row).scalar_one()
    return alert_id


def _published_at(conn: Connection, *, for_bus: bool) -> float | None:
    if for_bus and conn.dialect.name == "postgresql":
        # Ids are assigned before the commit. The outbox waits for transactions that hold this lock,
        # so that it sends the alerts of a camera in order of id (db/outbox.py).
        conn.execute(_SHARE_OUTBOX, {"n": OUTBOX_LOCK})
    return None if for_bus else 0.0


def taken_paths(conn: Connection, paths: Sequence[str]) -> set[str]:
    """The given picture paths that belong to an alert."""
    return set(conn.execute(_TAKEN, {"paths": paths}).scalars()) if paths else set()


def counts(conn: Connection) -> tuple[int, int]:
    """Count the alerts of cameras, and of the system."""
    all_alerts, of_system = conn.execute(_COUNTS).one()
    return int(all_alerts) - of_system, of_system


def oldest(conn: Connection, after: int, most: int, *, system: bool) -> list[tuple[int, bool]]:
    """The oldest alerts of cameras or of the system whose ids follow `after`.

    Returns the id of each alert, and whether the alert still waits for the bus.
    """
    statement = _OLDEST_OF_SYSTEM if system else _OLDEST_OF_CAMERAS
    rows = conn.execute(statement, {"after": after, "most": most})
    return [(row[0], bool(row[1])) for row in rows]


def get(conn: Connection, alert_id: int) -> AlertRow | None:
    """The alert with this id, or None."""
    return conn.execute(select(*_COLUMNS).where(_COLUMNS.id == alert_id)).first()


def ids_of_frames(conn: Connection, frame_ids: Sequence[int]) -> list[int]:
    """The ids of the alerts of these frames."""
    alert_ids: list[int] = []
    for start in range(0, len(frame_ids), 500):
        alert_ids += conn.execute(_IDS, {"ids": list(frame_ids[start : start + 500])}).scalars()
    return alert_ids


def frame_ids(conn: Connection, ids: Sequence[int]) -> list[int]:
    """The ids of the frames of these alerts; system alerts have no frame."""
    frames: list[int] = []
    for start in range(0, len(ids), 500):
        frames += conn.execute(_FRAME_IDS, {"ids": list(ids[start : start + 500])}).scalars()
    return frames


def remove(conn: Connection, ids: Sequence[int]) -> list[AlertRow]:
    """Delete alerts; returns the deleted rows."""
    lock_in_order(conn, "alerts", ids)
    removed = []
    for start in range(0, len(ids), 500):
        chunk = delete(ALERTS).where(_COLUMNS.id.in_(ids[start : start + 500]))
        removed += list(conn.execute(chunk.returning(*_COLUMNS)))
    return removed
