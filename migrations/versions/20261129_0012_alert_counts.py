"""Kept counts of alerts, and indexes from which lists read alone.

Triggers keep the counts: the release before, which may still run while the tables are migrated, and
an operator's own statements count as well. Upkeep finds what triggers miss (db/alert_recount.py).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_KEY = "of_all, task_type, block, detection_count, part"
_COLUMNS = f"{_KEY}, alerts, first_id, last_id, first_at, last_at"
_ADD = """
    ON CONFLICT ({key}) DO UPDATE
   SET alerts = alert_counts.alerts + excluded.alerts,
       first_id = {least}(alert_counts.first_id, excluded.first_id),
       last_id = {greatest}(alert_counts.last_id, excluded.last_id),
       first_at = {least}(alert_counts.first_at, excluded.first_at),
       last_at = {greatest}(alert_counts.last_at, excluded.last_at)
"""
_COUNTED = "id, task_type, detection_count, created_at"

# SQLite: a trigger for each row. A single writer at a time: every count has a single part.
_SQLITE_ADD = """
    INSERT INTO alert_counts ({columns})
    VALUES ({of_all}, {type}, {row}.id >> 13, min({row}.detection_count, 64), 0, {sign}1,
            {row}.id, {row}.id, {row}.created_at, {row}.created_at)
"""
_SQLITE_ADD += _ADD.format(key=_KEY, least="min", greatest="max")
_SQLITE_TRIGGERS = {
    "alerts_inserted": ("INSERT", ("NEW",)),
    "alerts_deleted": ("DELETE", ("OLD",)),
    "alerts_updated": (f"UPDATE OF {_COUNTED}", ("OLD", "NEW")),
}

# PostgreSQL: a trigger for each statement. Every session of the server has a part of its own, so
# that no transaction waits for the rows of another transaction.
_POSTGRESQL_ADD = f"""
    INSERT INTO alert_counts ({_COLUMNS})
    SELECT of_all, CASE of_all WHEN 1 THEN '' ELSE task_type END, id >> 13,
           least(detection_count, 64), pg_backend_pid(), sum({{sign}}),
           min(id), max(id), min(created_at), max(created_at)
      FROM {{rows}} CROSS JOIN (VALUES (0), (1)) AS both_kinds (of_all) GROUP BY 1, 2, 3, 4
"""
_POSTGRESQL_ADD += _ADD.format(key=_KEY, least="least", greatest="greatest")
_BEFORE_AND_AFTER = ", ".join(
    f"({sign}, {row}.id, {row}.task_type, {row}.detection_count, {row}.created_at)"
    for sign, row in ((-1, "OLD"), (1, "NEW"))
)
_FUNCTIONS = {
    "easyai_count_alerts": _POSTGRESQL_ADD.format(
        rows="changed", sign="CASE TG_OP WHEN 'DELETE' THEN -1 ELSE 1 END"
    ),
    "easyai_recount_alert": _POSTGRESQL_ADD.format(
        rows=f"(VALUES {_BEFORE_AND_AFTER}) AS r (sign, {_COUNTED})", sign="sign"
    ),
    # Waits for a running merge (db/alert_counts.py), whose rows the deletion would not see.
    "easyai_count_no_alerts": f"""
        PERFORM pg_advisory_xact_lock({0x6561_7382}); DELETE FROM alert_counts
    """,
}
_POSTGRESQL_TRIGGERS = {
    "alerts_inserted": (
        "AFTER INSERT ON alerts REFERENCING NEW TABLE AS changed FOR EACH STATEMENT",
        "easyai_count_alerts",
    ),
    "alerts_deleted": (
        "AFTER DELETE ON alerts REFERENCING OLD TABLE AS changed FOR EACH STATEMENT",
        "easyai_count_alerts",
    ),
    "alerts_updated": (
        f"AFTER UPDATE OF {_COUNTED} ON alerts FOR EACH ROW",
        "easyai_recount_alert",
    ),
    "alerts_truncated": (
        "AFTER TRUNCATE ON alerts FOR EACH STATEMENT",
        "easyai_count_no_alerts",
    ),
}
_COUNT_TYPES = f"""
    INSERT INTO alert_counts ({_COLUMNS})
    SELECT 0, task_type, id >> 13,
           CASE WHEN detection_count > 64 THEN 64 ELSE detection_count END, 0,
           count(*), min(id), max(id), min(created_at), max(created_at)
      FROM alerts GROUP BY 2, 3, 4
"""
_COUNT_ALL = f"""
    INSERT INTO alert_counts ({_COLUMNS})
    SELECT 1, '', block, detection_count, 0,
           sum(alerts), min(first_id), max(last_id), min(first_at), max(last_at)
      FROM alert_counts GROUP BY 3, 4
"""
_MANY = "detection_count >= 64"
_OLD_INDEXES = ("task_id", "task_type", "created_at")


def upgrade() -> None:
    op.create_table(
        "alert_counts",
        sa.Column("of_all", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("task_type", sa.Text(), nullable=False),
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("detection_count", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("alerts", sa.BigInteger(), nullable=False),
        sa.Column("first_id", sa.BigInteger(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.Double(), nullable=False),
        sa.Column("last_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint(*_KEY.split(", ")),
        sqlite_with_rowid=False,
    )
    # The exclusive lock comes first: after the weaker locks of the new indexes it could deadlock
    # with a transaction that has read alerts and is about to delete some. No alert is written until
    # the commit, so the triggers and the counts begin with the same alerts.
    for name in _OLD_INDEXES:
        op.drop_index(f"ix_alerts_{name}", table_name="alerts")
    counted = ["id", "task_type", "detection_count", "created_at"]
    op.create_index("ix_alerts_listed", "alerts", counted)
    op.create_index("ix_alerts_camera", "alerts", ["task_id", *counted])
    op.create_index(
        "ix_alerts_many",
        "alerts",
        counted,
        sqlite_where=sa.text(_MANY),
        postgresql_where=sa.text(_MANY),
    )
    _create_triggers()
    op.execute(_COUNT_TYPES)
    op.execute(_COUNT_ALL)


def _create_triggers() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name, (event, rows) in _SQLITE_TRIGGERS.items():
            body = "; ".join(
                _SQLITE_ADD.format(
                    columns=_COLUMNS,
                    of_all=of_all,
                    type="''" if of_all else f"{row}.task_type",
                    row=row,
                    sign="-" if row == "OLD" else "",
                )
                for row in rows
                for of_all in (0, 1)
            )
            op.execute(f"CREATE TRIGGER {name} AFTER {event} ON alerts BEGIN {body}; END")
        return
    # The session that writes alerts may have another search path: a load of pg_dump has none.
    present = sa.text("SELECT quote_ident(current_schema())")
    schema = op.get_bind().execute(present).scalar_one().replace(":", "\\:")
    for name, body in _FUNCTIONS.items():
        # OR REPLACE: a restoration drops the tables, and the functions stay.
        op.execute(
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql "
            f"SET search_path = {schema}, pg_temp AS $$ BEGIN {body}; RETURN NULL; END $$"
        )
    for name, (event, function) in _POSTGRESQL_TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {event} EXECUTE FUNCTION {function}()")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name in _SQLITE_TRIGGERS:
            op.execute(f"DROP TRIGGER {name}")
    else:
        for name in _POSTGRESQL_TRIGGERS:
            op.execute(f"DROP TRIGGER {name} ON alerts")
        for name in _FUNCTIONS:
            op.execute(f"DROP FUNCTION {name}()")
    op.drop_index("ix_alerts_many", table_name="alerts")
    op.drop_index("ix_alerts_camera", table_name="alerts")
    op.drop_index("ix_alerts_listed", table_name="alerts")
    for name in _OLD_INDEXES:
        op.create_index(f"ix_alerts_{name}", "alerts", [name])
    op.drop_table("alert_counts")
