"""Services that wait until an operator approves them, where `registration` is `approve`.

A service is known by its service_id and its endpoint. A service that was registered before returns
without approval, whatever happened to it since. An unknown service's request changes no
registration, not even at the same endpoint.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Connection

from easyai.db import clock, events, registration_requests, service_events, services
from easyai.db.registration_requests import RequestRow, key
from easyai.domain.reason import Reason
from easyai.errors import TooManyRequestsError
from easyai.masking import hide_credentials
from easyai.messages.catalogue import fields
from easyai.registry.payload import Registration
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

WAITING: Final = "waiting"  # the state that operators see
_WAITS: Final = Reason("service.waits_for_approval")
_MOST_WAITING: Final = 1000
_FORGET_SEC: Final = 86_400.0  # without a heartbeat; applied only when places are needed
_NOTE_EVERY_SEC: Final = 20.0  # between two recorded heartbeats


def must_wait(runtime: Runtime, conn: Connection, new: Registration) -> bool:
    """Whether an operator must approve the registration first."""
    if runtime.settings.easyai.registration == "open":
        return False
    before = services.at_endpoint(conn, new.endpoint)
    return before is None or before.service_id != new.service_id


def record_request(conn: Connection, new: Registration, source: str) -> None:
    """Record a registration that waits. Raises TooManyRequestsError when too many wait."""
    now = clock.now(conn)
    values = {
        "service_id": new.service_id,
        "endpoint": new.endpoint,
        "registration": json.dumps(asdict(new), ensure_ascii=False),
        "registered_from": source,
        "now": now,
    }
    if not registration_requests.record(conn, values):
        return
    # Not before places are needed: when the clock jumps ahead, all requests seem silent for long at
    # once, and field clients do not register again.
    if registration_requests.count(conn) > _MOST_WAITING:
        registration_requests.forget(conn, now - _FORGET_SEC)
    if registration_requests.count(conn) > _MOST_WAITING:
        raise TooManyRequestsError(
            f"{_MOST_WAITING} services wait for approval: approve them, or unregister unknown "
            "services; the command `services --all` shows them"
        )
    events.add(conn, [service_events.waiting(new.service_id, new.endpoint, source, now)])
    log.warning(
        "algorithm service waits for approval: service_id=%s endpoint=%s from=%s; approve it "
        "with the command `services approve`",
        new.service_id,
        hide_credentials(new.endpoint),
        source or "-",
    )


def requested(row: RequestRow) -> Registration:
    """The registration that waits."""
    values: dict[str, Any] = json.loads(row.registration)
    return Registration(**values | {"task_types": tuple(values["task_types"])})


def heartbeats(conn: Connection, names: Collection[str], now: float) -> set[str]:
    """Record the heartbeats of waiting services; returns the names under which a service waits."""
    rows = registration_requests.find(conn, sorted(names))
    stale = [key(row) for row in rows if abs(now - row.last_heartbeat) > _NOTE_EVERY_SEC]
    registration_requests.heartbeats(conn, stale, now)
    return {name for row in rows for name in (row.service_id, row.endpoint)} & set(names)


def as_entries(rows: Iterable[RequestRow], now: float) -> list[dict[str, Any]]:
    """The waiting services in the form that operators see (registry/views.py), JSON-ready."""
    return [_entry(row, now) for row in rows]


def _entry(row: RequestRow, now: float) -> dict[str, Any]:
    new = requested(row)
    return {
        "service_id": new.service_id,
        "name": new.name,
        "endpoint": hide_credentials(new.endpoint),
        "version": new.version,
        "task_types": list(new.task_types),
        "call_count": 0,
        "last_heartbeat": int(row.last_heartbeat),
        "register_at": int(row.asked_at),
        "state": WAITING,
        **fields("state_reason", _WAITS),
        "state_since": int(row.asked_at),
        "breaker": "closed",
        "breaker_trial_in_sec": 0.0,
        "heartbeat_age_sec": round(max(0.0, now - row.last_heartbeat), 1),
        "last_evidence": int(row.last_heartbeat),
        **fields("last_failure", None),
        "last_failure_at": None,
        "failed_calls": {},
    }
