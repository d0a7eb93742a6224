"""The SQL of the dashboard's live state; read-only, and cheap with any number of settled frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, text

_DAY_SEC: Final = 86_400.0
#: The most services that are shown.
MOST_SERVICES: Final = 1000
_TIMEOUT_MS: Final = 5000

# A page that looks must not keep a connection for longer.
_BOUND: Final = text(f"SELECT set_config('statement_timeout', '{_TIMEOUT_MS}', true)")
# An endpoint that its service left by a move is expected to do nothing.
_MOVED: Final = """(state IN ('suspect', 'offline')
            AND coalesce(state_reason_args, '') LIKE '%"service.moved"%')"""
# Services in use come first. An endpoint that was unregistered long ago interests nobody, nor one
# that was left by a move while its id is in use elsewhere: a service that takes a free port at each
# start leaves many.
_SERVICES: Final = text(f"""
    SELECT pk, service_id, endpoint, name, version, state, state_reason, state_reason_code,
           state_reason_args, state_since, last_heartbeat, last_evidence, last_success_at,
           last_failure_at, last_failure_reason, last_failure_reason_code,
           last_failure_reason_args,
           call_count, refused_count, timeout_count, broken_count, unreachable_count, ewma_ms,
           max_concurrency, concurrency_cap, breaker_failures, breaker_open_until, breaker_pause_sec
      FROM services
     WHERE (state <> 'unregistered' OR state_since > :lately)
       AND NOT ({_MOVED} AND last_evidence < :lately
                AND service_id IN (SELECT service_id FROM services WHERE state = 'online'))
     ORDER BY CASE state WHEN 'unregistered' THEN 1 ELSE 0 END, service_id, endpoint LIMIT :most
""")  # noqa: S608
_AVAILABLE: Final = text(f"""
    SELECT task_type, count(*),
           sum(CASE WHEN state IN ('online', 'suspect') AND breaker_open_until = 0
                    THEN 1 ELSE 0 END)
      FROM service_task_types JOIN services ON services.pk = service_task_types.service_pk
     WHERE state <> 'unregistered' AND NOT {_MOVED}
     GROUP BY task_type
""")  # noqa: S608
_ALERTS: Final = text("SELECT coalesce(sum(alerts), 0) FROM alert_counts WHERE of_all = 1")
_NEWEST: Final = text("SELECT max(id) FROM alerts")
_NEWER: Final = text("SELECT * FROM alerts WHERE id > :after ORDER BY id DESC LIMIT :most")


class Available(NamedTuple):
    """The services of a task type."""

    registered: int = 0
    able: int = 0  # routable, with a closed breaker


def bound(conn: Connection) -> None:
    """Let no statement of the transaction run for more than five seconds; SQLite has no such."""
    if conn.dialect.name != "sqlite":
        conn.execute(_BOUND)


def services(conn: Connection, now: float) -> list[Row[Any]]:
    """The registered endpoints, and those that were unregistered within a day.

    Without the endpoints that were left by a move and have given no sign of life for a day, while
    another endpoint of their id is online.
    """
    return list(conn.execute(_SERVICES, {"lately": now - _DAY_SEC, "most": MOST_SERVICES}))


def available(conn: Connection) -> Mapping[str, Available]:
    """How many services each task type has."""
    return {row[0]: Available(row[1], row[2]) for row in conn.execute(_AVAILABLE)}


def alerts(conn: Connection) -> tuple[int, int]:
    """How many alerts there are, and the newest id (0: there are none)."""
    count = int(conn.execute(_ALERTS).scalar_one())
    return count, int(conn.execute(_NEWEST).scalar() or 0)


def newer_alerts(conn: Connection, after: int, most: int) -> list[Row[Any]]:
    """The newest alerts with an id above `after`, newest first."""
    return list(conn.execute(_NEWER, {"after": after, "most": most}))
