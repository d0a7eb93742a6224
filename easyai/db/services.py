"""The SQL of the registry: a row for each endpoint, kept for ever."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, TextClause, bindparam, text

from easyai.db import direct, reasons
from easyai.db.called_service import CalledService
from easyai.db.service_columns import SELECT
from easyai.domain import breaker
from easyai.domain.breaker import Breaker
from easyai.domain.reason import Reason
from easyai.domain.service import HEARTBEAT, PROBED, ServiceState

ServiceRow = Row[Any]


# A registration keeps the knowledge of earlier calls of the endpoint. It lets an open breaker make
# a trial call at once, unless the service registered shortly before: within the breaker's pause, or
# within the first pause when the pause has grown. So a crash loop gets no trial calls, and a
# service that was restarted twice need not wait.
_REGISTER = text("""
    INSERT INTO services (service_id, name, endpoint, version, max_concurrency, health_url,
                          heartbeat_timeout_sec, registered_from, state, state_reason,
                          state_reason_code, state_reason_args, state_since, register_at,
                          last_heartbeat, last_evidence)
    VALUES (:service_id, :name, :endpoint, :version, :max_concurrency, :health_url,
            :heartbeat_timeout_sec, :registered_from, 'online', :state_reason,
            :state_reason_code, :state_reason_args, :now, :now, :now, :now)
    ON CONFLICT (endpoint) DO UPDATE
       SET service_id = excluded.service_id, name = excluded.name, version = excluded.version,
           max_concurrency = excluded.max_concurrency, health_url = excluded.health_url,
           heartbeat_timeout_sec = excluded.heartbeat_timeout_sec,
           registered_from = excluded.registered_from,
           state = 'online', state_reason = excluded.state_reason,
           state_reason_code = excluded.state_reason_code,
           state_reason_args = excluded.state_reason_args,
           state_since = CASE WHEN services.state = 'online'
                                   AND services.service_id = excluded.service_id
                              THEN services.state_since ELSE excluded.state_since END,
           register_at = excluded.register_at, last_heartbeat = excluded.last_heartbeat,
           last_evidence = excluded.last_evidence, probe_failures = 0, next_probe_at = 0,
           breaker_open_until = CASE WHEN services.breaker_open_until > :now
                      AND (services.register_at < :now - services.breaker_pause_sec
                           OR services.register_at < :now - :first_pause_sec
                           OR services.state = 'unregistered')
                 THEN :now ELSE services.breaker_open_until END
    RETURNING pk
""")
_DROP_TYPES = text("DELETE FROM service_task_types WHERE service_pk = :pk")
_ADD_TYPE = text("INSERT INTO service_task_types (service_pk, task_type) VALUES (:pk, :task_type)")
_AT_ENDPOINT = text(f"{SELECT} FROM services WHERE endpoint = :endpoint")
_FIND = text("""
    SELECT pk, service_id, endpoint, state, state_reason, state_reason_code, state_reason_args,
           state_since, last_heartbeat, heartbeat_timeout_sec, registered_from
      FROM services
     WHERE (service_id IN :names OR endpoint IN :names) AND state <> 'unregistered'
     ORDER BY pk
""").bindparams(bindparam("names", expanding=True))
# A service that comes back gets its trial request now, not when its breaker's pause is over. An
# online service keeps its reason, unless the reason is that probes proved the service alive.
_HEARTBEAT = text("""
    UPDATE services
       SET last_heartbeat = :now, last_evidence = :now, probe_failures = 0,
           next_probe_at = CASE WHEN state = 'online' THEN next_probe_at ELSE 0 END,
           state = 'online',
           state_reason =
               CASE WHEN state = 'online' AND coalesce(state_reason_code, '') <> :probed
                    THEN state_reason ELSE :state_reason END,
           state_reason_code =
               CASE WHEN state = 'online' AND coalesce(state_reason_code, '') <> :probed
                    THEN state_reason_code ELSE :state_reason_code END,
           state_reason_args =
               CASE WHEN state = 'online' AND coalesce(state_reason_code, '') <> :probed
                    THEN state_reason_args ELSE :state_reason_args END,
           state_since = CASE WHEN state = 'online' THEN state_since ELSE :now END,
           breaker_open_until = CASE WHEN state <> 'online' AND breaker_open_until > :now
                                     THEN :now ELSE breaker_open_until END,
           said_total_requests = coalesce(:total_requests, said_total_requests),
           said_avg_inference_ms = coalesce(:avg_ms, said_avg_inference_ms),
           said_last_inference_ms = coalesce(:last_ms, said_last_inference_ms),
           said_last_total_ms = coalesce(:last_total_ms, said_last_total_ms)
     WHERE pk = :pk AND state <> 'unregistered'
""")
# For a heartbeat that may come from another endpoint with the same service_id, which is known to
# be alive.
_REFRESH = text("""
    UPDATE services SET last_heartbeat = :now WHERE pk = :pk AND state <> 'unregistered'
""")
_SET_STATE = text("""
    UPDATE services
       SET state = :state, state_reason = :state_reason, state_reason_code = :state_reason_code,
           state_reason_args = :state_reason_args, state_since = :now
     WHERE pk IN :pks AND state <> :state AND state <> 'unregistered'
""").bindparams(bindparam("pks", expanding=True))
_DEMOTE = text("""
    UPDATE services
       SET state = :state, state_reason = :state_reason, state_reason_code = :state_reason_code,
           state_reason_args = :state_reason_args, state_since = :since,
           probe_failures = :failures, next_probe_at = :next_probe_at
     WHERE pk = :pk
""")
_ALL = text(f"{SELECT} FROM services ORDER BY service_id, endpoint")
_ALL_TYPES = text("SELECT service_pk, task_type FROM service_task_types ORDER BY task_type")
_TYPES_OF = text("""
    SELECT DISTINCT task_type FROM service_task_types WHERE service_pk IN :pks
""").bindparams(bindparam("pks", expanding=True))
# One bound value: SQLAlchemy would write a list of values into the statement each time.
_BY_PK = "{select} FROM services WHERE pk IN (SELECT value FROM json_each(:pks)) ORDER BY pk"
_BY_PK_LOCKED = "{select} FROM services WHERE pk = ANY(:pks) ORDER BY pk FOR UPDATE"
_LOCK = tuple(text(sql.format(select=SELECT)) for sql in (_BY_PK, _BY_PK_LOCKED))
_CALLED = f"SELECT {', '.join(CalledService._fields)}"
_LOCK_CALLED = tuple(text(sql.format(select=_CALLED)) for sql in (_BY_PK, _BY_PK_LOCKED))
# A transaction locks a row for nearly each frame, and each column costs. Of a steady service an
# answer changes nothing but the figures that `service_calls.record_answers` writes.
_FIGURES = """
    SELECT pk, ewma_ms, state = 'online' AND breaker_failures = 0 AND breaker_open_until = 0
                        AND breaker_pause_sec = 0 AND concurrency_cap IS NULL AS steady
"""
_LOCK_FIGURES = tuple(text(sql.format(select=_FIGURES)) for sql in (_BY_PK, _BY_PK_LOCKED))
_ALIVE = text("""
    UPDATE services
       SET state = 'online', state_reason = :state_reason, state_reason_code = :state_reason_code,
           state_reason_args = :state_reason_args, state_since = :now, last_evidence = :now,
           probe_failures = 0, next_probe_at = 0,
           breaker_open_until = CASE WHEN breaker_open_until > :now THEN :now
                                     ELSE breaker_open_until END
     WHERE pk IN :pks AND state IN ('suspect', 'offline')
""").bindparams(bindparam("pks", expanding=True))
_PROBE_SOON = text("UPDATE services SET next_probe_at = 0 WHERE pk = :pk")
_CONFIRM = text("""
    UPDATE services SET next_probe_at = :at WHERE pk IN :pks AND state = 'online'
""").bindparams(bindparam("pks", expanding=True))


def probe_soon(conn: Connection, pk: int) -> None:
    """Let the next sweep probe a service."""
    conn.execute(_PROBE_SOON, {"pk": pk})


def register(
    conn: Connection, values: Mapping[str, Any], reason: Reason, task_types: Iterable[str]
) -> int:
    """Insert or replace the registration of an endpoint; returns its pk."""
    known = {**values, "first_pause_sec": breaker.FIRST_PAUSE_SEC}
    pk: int = conn.execute(_REGISTER, known | _columns(reason)).scalar_one()
    conn.execute(_DROP_TYPES, {"pk": pk})
    conn.execute(_ADD_TYPE, [{"pk": pk, "task_type": name} for name in task_types])
    return pk


def at_endpoint(conn: Connection, endpoint: str) -> ServiceRow | None:
    """The service that is or was registered at an endpoint."""
    return conn.execute(_AT_ENDPOINT, {"endpoint": endpoint}).one_or_none()


def find(conn: Connection, names: Sequence[str]) -> list[ServiceRow]:
    """Registered endpoints by service_id or endpoint, in order of pk."""
    return list(conn.execute(_FIND, {"names": names})) if names else []


def heartbeats(conn: Connection, beats: Sequence[Mapping[str, Any]], now: float) -> None:
    """Record heartbeats: the services are online now, whatever their state was.

    Rows are locked in the order of `beats`: by pk, so that two processes never deadlock.
    """
    if beats:
        same = {"now": now, "probed": PROBED.code, **_columns(HEARTBEAT)}
        conn.execute(_HEARTBEAT, [{**same, **beat} for beat in beats])


def refresh(conn: Connection, pks: Sequence[int], now: float) -> None:
    """Record heartbeats that are no evidence that these endpoints are alive; in order of pk."""
    if pks:
        conn.execute(_REFRESH, [{"pk": pk, "now": now} for pk in sorted(pks)])


def set_state(
    conn: Connection, pks: Sequence[int], state: ServiceState, reason: Reason, now: float
) -> int:
    """Move services to a state; returns how many changed their state."""
    if not pks:
        return 0
    values = {"pks": pks, "state": str(state), "now": now, **_columns(reason)}
    return conn.execute(_SET_STATE, values).rowcount


def demote(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> set[int]:
    """Record lapses and failed probes, each with its `reason`; returns the pks that were written.

    A service stays unchanged when evidence of life arrived after it was `seen`. The calls of an
    `unconfirmed` service fail although heartbeats with its id arrive. For an `unconfirmed` service
    only a success or a registration is evidence of life.
    """
    if not rows:
        return set()
    standing = {row.pk: row for row in lock(conn, [row["pk"] for row in rows])}
    valid = [row for row in rows if _unchanged(standing.get(row["pk"]), row)]
    if valid:
        bare = {"seen": None, "reason": None}
        written = [{**row, **_columns(row["reason"]), **bare} for row in valid]
        conn.execute(_DEMOTE, written)
    return {row["pk"] for row in valid}


def _unchanged(standing: ServiceRow | None, demotion: Mapping[str, Any]) -> bool:
    seen = demotion["seen"]
    if standing is None or standing.state == ServiceState.UNREGISTERED:
        return False
    if not demotion.get("unconfirmed"):
        return bool(standing.last_evidence == seen.last_evidence)
    return bool(
        standing.last_success_at == seen.last_success_at
        and standing.register_at == seen.register_at
    )


def all_services(conn: Connection) -> list[ServiceRow]:
    """Every endpoint ever registered, whatever its state."""
    return list(conn.execute(_ALL))


def all_task_types(conn: Connection) -> dict[int, list[str]]:
    """Task types by service pk."""
    types: dict[int, list[str]] = {}
    for service_pk, task_type in conn.execute(_ALL_TYPES):
        types.setdefault(service_pk, []).append(task_type)
    return types


def task_types_of(conn: Connection, pks: Sequence[int]) -> list[str]:
    """The task types that these services serve."""
    return list(conn.execute(_TYPES_OF, {"pks": pks}).scalars()) if pks else []


def lock(conn: Connection, pks: Sequence[int]) -> list[ServiceRow]:
    """Lock rows before an update, in order of pk so that two settlings never deadlock."""
    statement, values = _locking(conn, _LOCK, pks)
    return list(conn.execute(statement, values).all())


def lock_called(conn: Connection, pks: Sequence[int]) -> list[CalledService]:
    """Like `lock`, with only the columns that `record_calls` and its reasons need."""
    statement, values = _locking(conn, _LOCK_CALLED, pks)
    return [CalledService(*row) for row in direct.rows(conn, statement, values)]


def lock_figures(conn: Connection, pks: Sequence[int]) -> list[tuple[int, float | None, bool]]:
    """Like `lock`; returns pk, latency in ms, and whether the service is steady.

    A steady service is online, with a closed breaker without failures, and without a learned cap.
    """
    statement, values = _locking(conn, _LOCK_FIGURES, pks)
    return [(row[0], row[1], bool(row[2])) for row in direct.rows(conn, statement, values)]


def _locking(
    conn: Connection, statements: tuple[TextClause, ...], pks: Sequence[int]
) -> tuple[TextClause, dict[str, Any]]:
    on_sqlite, locking = statements
    if conn.dialect.name == "sqlite":
        return on_sqlite, {"pks": json.dumps(sorted(pks))}
    return locking, {"pks": sorted(pks)}


def reason_of(row: ServiceRow) -> Reason:
    """The reason for the state of a service."""
    return reasons.read(row, "state_reason")


def _columns(reason: Reason) -> dict[str, str | None]:
    return reasons.columns("state_reason", reason)


def breaker_of(row: ServiceRow | CalledService) -> Breaker:
    """The circuit breaker of a service."""
    return Breaker(row.breaker_failures, row.breaker_open_until, row.breaker_pause_sec)


def set_online(conn: Connection, pks: Sequence[int], reason: Reason, now: float) -> int:
    """Set suspect or offline services online after evidence of life; returns how many changed."""
    if not pks:
        return 0
    return conn.execute(_ALIVE, {"pks": pks, "now": now, **_columns(reason)}).rowcount


def confirm(conn: Connection, pks: Sequence[int], at: float) -> None:
    """Schedule the next probe, if needed, of online services that answered a probe."""
    if pks:
        conn.execute(_CONFIRM, {"pks": pks, "at": at})
