"""Names of task types and cameras in one Unicode form: those stored in another become NFC.

Events stay: they are what was seen. Keys and paths stay: they are the bytes of the store.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any
from unicodedata import normalize

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SUMS = (
    "found",
    "requests",
    "responses",
    "successes",
    "failures",
    "processed",
    "queue_full",
    "too_old",
    "disk_low",
    "sampled",
    "superseded",
    "discarded",
    "infer_ms_sum",
    "moves",
    "moves_failed",
    "move_ms_sum",
)
_MAXIMA = ("infer_ms_max", "move_ms_max", "updated_at")
_TASK_TYPES = sa.table(
    "task_types",
    sa.column("name"),
    sa.column("first_seen"),
    sa.column("rung_at"),
    sa.column("sampling_n"),
    sa.column("sampling_changed_at"),
    sa.column("capacity_per_sec"),
    sa.column("seen_at"),
    sa.column("framed_at"),
    sa.column("rate_tokens"),
    sa.column("rate_at"),
)
# One look at each table finds what is to be done: nothing, as a rule.
_NAMES = (
    "SELECT name FROM task_types",
    "SELECT task_type FROM service_task_types",
    "SELECT DISTINCT task_type FROM statistics",
    "SELECT DISTINCT task_type, task_id FROM frames",
    "SELECT DISTINCT task_type FROM alerts",
    "SELECT DISTINCT task_id FROM alerts",
    "SELECT DISTINCT task_type, task_id FROM deleted_alerts",
)
_OLD = "(SELECT old FROM renamed_names)"
_ALARMS_OF_TYPES = "('no_algorithm', 'inference_stalled', 'slow_inference')"


def upgrade() -> None:
    conn = op.get_bind()
    _requests(conn)
    _alarms(conn)
    renamed = {name: nfc for name in _stored(conn) if (nfc := normalize("NFC", name)) != name}
    if not renamed:
        return
    op.create_table("renamed_names", sa.Column("old", sa.Text(), primary_key=True), _text("new"))
    conn.execute(
        sa.text("INSERT INTO renamed_names (old, new) VALUES (:old, :new)"),
        [{"old": old, "new": new} for old, new in sorted(renamed.items())],
    )
    _rename("frames", "task_type", "task_id", "stream")
    _rename("alerts", "task_type", "task_id")
    _rename("deleted_alerts", "task_type", "task_id")
    _services()
    _statistics()
    _task_types(conn, renamed)
    op.drop_table("renamed_names")


def downgrade() -> None:
    # Nothing: the version before reads composed names as well, and which form each had is not
    # known any more. Pictures are found by their keys, which were not changed.
    pass


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _stored(conn: sa.Connection) -> Iterator[str]:
    """Every name that is stored, some of them more than once."""
    for sql in _NAMES:
        for row in conn.execute(sa.text(sql)):
            yield from row


def _rename(table: str, *columns: str) -> None:
    new = "(SELECT new FROM renamed_names WHERE old = {0})"
    set_ = ", ".join(f"{name} = coalesce({new.format(name)}, {name})" for name in columns)
    op.execute(f"UPDATE {table} SET {set_} WHERE task_type IN {_OLD} OR task_id IN {_OLD}")


def _services() -> None:
    op.execute(
        "INSERT INTO service_task_types (service_pk, task_type) SELECT service_pk, new "
        "FROM service_task_types JOIN renamed_names ON old = task_type "
        "WHERE true ON CONFLICT DO NOTHING"
    )
    op.execute(f"DELETE FROM service_task_types WHERE task_type IN {_OLD}")
    # Processes remember which service takes which type.
    op.execute("UPDATE generations SET number = number + 1 WHERE name = 'registry'")


def _statistics() -> None:
    """Add the sums of a type that had two names; its maxima are the larger ones."""
    gathered = [f"sum({name})" for name in _SUMS] + [f"max({name})" for name in _MAXIMA]
    merged = [f"{name} = statistics.{name} + excluded.{name}" for name in _SUMS] + [
        f"{name} = CASE WHEN excluded.{name} > statistics.{name} "
        f"THEN excluded.{name} ELSE statistics.{name} END"
        for name in _MAXIMA
    ]
    op.execute(
        f"INSERT INTO statistics (bucket, task_type, {', '.join((*_SUMS, *_MAXIMA))}) "
        f"SELECT bucket, new, {', '.join(gathered)} "
        "FROM statistics JOIN renamed_names ON old = task_type WHERE true GROUP BY bucket, new "
        f"ON CONFLICT (bucket, task_type) DO UPDATE SET {', '.join(merged)}"
    )
    op.execute(f"DELETE FROM statistics WHERE task_type IN {_OLD}")


def _task_types(conn: sa.Connection, renamed: dict[str, str]) -> None:
    forms = defaultdict(list)
    for row in conn.execute(sa.select(_TASK_TYPES)).mappings():
        forms[renamed.get(row["name"], row["name"])].append(dict(row))
    for name, rows in forms.items():
        olds = [row["name"] for row in rows]
        if olds != [name]:
            conn.execute(sa.delete(_TASK_TYPES).where(_TASK_TYPES.c.name.in_(olds)))
            conn.execute(sa.insert(_TASK_TYPES).values(_one_type(name, rows)))


def _one_type(name: str, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The row of a type that had several: sampling and rate of the one that had the last frame."""
    rows = sorted(rows, key=lambda row: (row["framed_at"], row["seen_at"]))
    return rows[-1] | {
        "name": name,
        "first_seen": min(row["first_seen"] for row in rows),
        "seen_at": max(row["seen_at"] for row in rows),
        "rung_at": 0.0,  # the wake went to the queue of the other name
    }


def _requests(conn: sa.Connection) -> None:
    """Registrations that wait for approval name their types in JSON."""
    rows = conn.execute(
        sa.text("SELECT service_id, endpoint, registration FROM registration_requests")
    ).all()
    for service_id, endpoint, text in rows:
        values = json.loads(text)
        types = values.get("task_types", [])
        named = list(dict.fromkeys(normalize("NFC", name) for name in types))
        if named != types:
            new = json.dumps(values | {"task_types": named}, ensure_ascii=False)
            conn.execute(
                sa.text(
                    "UPDATE registration_requests SET registration = :new "
                    "WHERE service_id = :service_id AND endpoint = :endpoint"
                ),
                {"new": new, "service_id": service_id, "endpoint": endpoint},
            )


def _alarms(conn: sa.Connection) -> None:
    """Alarms of a type that ring go on under its new name; of two one rings on, the other ends."""
    ring = sa.text(
        "SELECT id, kind, subject FROM alarms "
        f"WHERE over_at IS NULL AND kind IN {_ALARMS_OF_TYPES} ORDER BY id"
    )
    rows = conn.execute(ring).all()
    taken = {(row.kind, row.subject) for row in rows}
    for row in rows:
        subject = normalize("NFC", row.subject)
        if subject == row.subject:
            continue
        change = "over_at = told_at" if (row.kind, subject) in taken else "subject = :subject"
        taken.add((row.kind, subject))
        values = {"id": row.id, "subject": subject}
        conn.execute(sa.text(f"UPDATE alarms SET {change} WHERE id = :id"), values)
