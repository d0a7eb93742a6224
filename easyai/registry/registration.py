"""Registering, heartbeats and unregistering of algorithm services (contract, section 2)."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection

from easyai.db import ledger, services, task_types
from easyai.db.services import ServiceRow
from easyai.domain.service import ServiceState
from easyai.errors import ServiceNotFoundError
from easyai.registry.payload import is_clean_text, parse_registration, said_in
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

_LONGEST_NAME = 2000  # of a service_id or an endpoint


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One heartbeat: whose, by service_id or endpoint, and what its body said (None: nothing)."""

    name: str
    stats: Any = None


def register(runtime: Runtime, payload: Any) -> str:
    """Register an endpoint, in place of what was registered at it before; its service_id.

    Frames that wait for its task types are due at once. Raises BadRequestError.
    """
    new = parse_registration(payload)
    now = time.time()
    values = {**asdict(new), "now": now}
    del values["task_types"]
    with runtime.db.write() as conn:
        services.register(conn, values, new.task_types)
        task_types.add(conn, new.task_types, now)
        ledger.hurry(conn, new.task_types, now)
    log.info(
        "algorithm service registered: service_id=%s endpoint=%s task_types=%s version=%s",
        new.service_id,
        new.endpoint,
        ",".join(new.task_types),
        new.version or "-",
    )
    _ring(runtime, new.task_types)
    return new.service_id


def heartbeat(runtime: Runtime, name: str, stats: Any = None) -> None:
    """Take one heartbeat, by service_id (all its endpoints) or endpoint.

    Whatever the state was, it is online now. Raises ServiceNotFoundError for a service never
    registered, or unregistered by request.
    """
    if not heartbeats(runtime, [Heartbeat(name, stats)])[0]:
        raise unknown_service(name)


def heartbeats(runtime: Runtime, beats: Sequence[Heartbeat]) -> list[bool]:
    """Take a group of heartbeats in one transaction; for each, whether its service is known."""
    now = time.time()
    names = sorted({name for beat in beats if (name := _lookup(beat.name))})
    if not names:
        return [False] * len(beats)
    with runtime.db.write() as conn:
        by_name = _by_name(services.find(conn, names))
        services.heartbeats(conn, _updates(beats, by_name), now)
        back = [row for rows in by_name.values() for row in rows if row.state != "online"]
        woken = _wake(conn, {row.pk for row in back}, now)
    for row in {row.pk: row for row in back}.values():
        log.info(
            "algorithm service is back: service_id=%s endpoint=%s was=%s",
            row.service_id,
            row.endpoint,
            row.state,
        )
    _ring(runtime, woken)
    return [_lookup(beat.name) in by_name for beat in beats]


def unknown_service(name: str) -> ServiceNotFoundError:
    """The answer to the heartbeat of a service that this server does not know."""
    shown = name if len(name) <= 200 else name[:200] + "…"
    return ServiceNotFoundError(f"service not found: {shown!r}; register it again")


def unregister(runtime: Runtime, name: str) -> int:
    """Take out every endpoint of a service_id, or one by its endpoint; how many.

    They stay out until they register again. Raises ServiceNotFoundError.
    """
    with runtime.db.write() as conn:
        found = services.find(conn, [lookup]) if (lookup := _lookup(name)) else []
        _take_out(conn, found, "unregistered by request")
    if not found:
        raise ServiceNotFoundError
    _tell_unregistered(found)
    return len(found)


def clear_all(runtime: Runtime) -> int:
    """Unregister every service; how many were registered."""
    with runtime.db.write() as conn:
        rows = services.all_services(conn)
        found = [row for row in rows if row.state != ServiceState.UNREGISTERED]
        _take_out(conn, found, "all services were cleared by request")
    _tell_unregistered(found)
    return len(found)


def _lookup(name: str) -> str:
    # '' finds nothing: no registration can hold such a name, and PostgreSQL takes no NUL.
    name = name.strip()
    return name if len(name) <= _LONGEST_NAME and is_clean_text(name) else ""


def _by_name(rows: Iterable[ServiceRow]) -> dict[str, list[ServiceRow]]:
    by_name: dict[str, list[ServiceRow]] = {}
    for row in rows:
        for name in {row.service_id, row.endpoint}:
            by_name.setdefault(name, []).append(row)
    return by_name


def _updates(
    beats: Sequence[Heartbeat], by_name: dict[str, list[ServiceRow]]
) -> list[dict[str, Any]]:
    updates = [
        {"pk": row.pk, **said_in(beat.stats)}
        for beat in beats
        for row in by_name.get(_lookup(beat.name), ())
    ]
    updates.sort(key=lambda update: update["pk"] or 0)
    return updates


def _wake(conn: Connection, pks: Iterable[int], now: float) -> list[str]:
    woken = services.task_types_of(conn, sorted(pks))
    ledger.hurry(conn, woken, now)
    return woken


def _take_out(conn: Connection, rows: Sequence[ServiceRow], reason: str) -> None:
    if not rows:
        return
    pks = [row.pk for row in rows]
    services.lock(conn, pks)
    services.set_state(conn, pks, ServiceState.UNREGISTERED, reason, time.time())


def _tell_unregistered(rows: Iterable[ServiceRow]) -> None:
    for row in rows:
        log.info(
            "algorithm service unregistered: service_id=%s endpoint=%s",
            row.service_id,
            row.endpoint,
        )


def _ring(runtime: Runtime, names: Iterable[str]) -> None:
    for name in names:
        runtime.doorbell.ring(name)
