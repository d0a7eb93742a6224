"""The SQL of registrations that wait for approval, and of the number of services of an address."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, TextClause, bindparam, text

RequestRow = Row[Any]
Key = tuple[str, str]  # service_id and endpoint

# A request that is repeated keeps its place.
_ASK = text("""
    INSERT INTO registration_requests
           (service_id, endpoint, registration, registered_from, asked_at, last_heartbeat)
    VALUES (:service_id, :endpoint, :registration, :registered_from, :now, :now)
    ON CONFLICT (service_id, endpoint) DO UPDATE
       SET registration = excluded.registration, registered_from = excluded.registered_from,
           last_heartbeat = excluded.last_heartbeat
""")
_GET = text("""
    SELECT * FROM registration_requests WHERE service_id = :service_id AND endpoint = :endpoint
""")
_FIND = text("""
    SELECT * FROM registration_requests
     WHERE service_id IN :names OR endpoint IN :names ORDER BY service_id, endpoint
""").bindparams(bindparam("names", expanding=True))
# Abandoned endpoints do not count: a service with another port at each start leaves many of them.
_COUNT_FROM = text("""
    SELECT (SELECT count(*) FROM services
             WHERE registered_from = :source AND endpoint <> :endpoint
               AND (state IN ('online', 'suspect') OR register_at > :lately))
         + (SELECT count(*) FROM registration_requests
             WHERE registered_from = :source
               AND NOT (service_id = :service_id AND endpoint = :endpoint))
""")
_LATELY_SEC = 3600.0
_ALL = text("SELECT * FROM registration_requests ORDER BY service_id, endpoint")
_COUNT = text("SELECT count(*) FROM registration_requests")
_HEARTBEAT = text("""
    UPDATE registration_requests SET last_heartbeat = :now
     WHERE service_id = :service_id AND endpoint = :endpoint
""")
_REMOVE = text("""
    DELETE FROM registration_requests WHERE service_id = :service_id AND endpoint = :endpoint
""")
_FORGET = text("DELETE FROM registration_requests WHERE last_heartbeat < :before")


def record(conn: Connection, values: dict[str, Any]) -> bool:
    """Record a registration that waits for approval; whether the request is new."""
    is_new = conn.execute(_GET, values).first() is None
    conn.execute(_ASK, values)
    return is_new


def task_types(row: RequestRow) -> tuple[str, ...]:
    """The task types of the registration that waits."""
    return tuple(json.loads(row.registration)["task_types"])


def find(conn: Connection, names: Sequence[str]) -> list[RequestRow]:
    """The waiting requests with these names: service_id or endpoint."""
    return list(conn.execute(_FIND, {"names": list(names)})) if names else []


def all_requests(conn: Connection) -> list[RequestRow]:
    """All waiting requests."""
    return list(conn.execute(_ALL))


def count(conn: Connection) -> int:
    """Count the waiting requests."""
    number: int = conn.execute(_COUNT).scalar_one()
    return number


def count_from(conn: Connection, source: str, service_id: str, endpoint: str, now: float) -> int:
    """Count other services of an address: in use, registered in the last hour, or waiting."""
    values = {"source": source, "service_id": service_id, "endpoint": endpoint}
    number: int = conn.execute(_COUNT_FROM, values | {"lately": now - _LATELY_SEC}).scalar_one()
    return number


def heartbeats(conn: Connection, keys: Iterable[Key], now: float) -> None:
    """Record heartbeats of services that still wait."""
    _each(conn, _HEARTBEAT, keys, now)


def remove(conn: Connection, keys: Iterable[Key]) -> None:
    """Delete requests that were approved or withdrawn."""
    _each(conn, _REMOVE, keys, 0.0)


def forget(conn: Connection, before: float) -> int:
    """Delete requests whose services have been silent since `before`; returns how many."""
    return conn.execute(_FORGET, {"before": before}).rowcount


def key(row: RequestRow) -> Key:
    """The key of a request."""
    return row.service_id, row.endpoint


def _each(conn: Connection, statement: TextClause, keys: Iterable[Key], now: float) -> None:
    # In order of the key, so that two processes never deadlock.
    named = [
        {"service_id": service_id, "endpoint": endpoint, "now": now}
        for service_id, endpoint in sorted(keys)
    ]
    if named:
        conn.execute(statement, named)
