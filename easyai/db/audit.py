"""Actions of operators: an event in the transaction of the change, and a log line."""

from __future__ import annotations

import logging
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from easyai.db import clock, events, reasons
from easyai.db.events import Event
from easyai.domain.actor import Actor
from easyai.domain.reason import Reason
from easyai.messages.catalogue import text as worded

log = logging.getLogger(__name__)

KIND = "operator_action"
_READ: Final = 10_000  # events
_PAGE: Final = text("""
    SELECT id, at, subject, text, reason_code, reason_args FROM (
        SELECT * FROM events WHERE id < :before ORDER BY id DESC LIMIT :read) AS newest
     WHERE kind = 'operator_action' ORDER BY id DESC LIMIT :most
""")
_READ_TO: Final = text("""
    SELECT id FROM events WHERE id < :before ORDER BY id DESC LIMIT 1 OFFSET :read - 1
""")


class Action(NamedTuple):
    """An action of an operator."""

    id: int
    at: float  # Unix seconds
    action: str
    reason: Reason  # who did what


def page(conn: Connection, most: int, before: int | None = None) -> tuple[list[Action], int | None]:
    """The newest actions with ids below `before`, and where the next part begins (None: the end).

    Reads a bounded number of events: a part may have fewer actions before the last.
    """
    start = before if before is not None else 2**63 - 1
    values = {"before": start, "most": most, "read": _READ}
    found = [
        Action(row.id, row.at, row.subject, reasons.read(row, "text", "reason"))
        for row in conn.execute(_PAGE, values)
    ]
    if len(found) == most:
        return found, found[-1].id
    return found, conn.execute(_READ_TO, values).scalar()


def note(conn: Connection, actor: Actor | None, action: str, done: Reason) -> None:
    """Record an action of an operator and its change (`done`). None: easyai's own action."""
    if actor is None:
        return
    noted = Reason.of("action.noted", actor=actor.origin, done=done)
    events.add(conn, [Event(clock.now(conn), KIND, action, noted)])
    log.info(
        "operator action: action=%s address=%s token=%s local=%s person=%r done=%r",
        action,
        actor.address or "-",
        actor.token or "-",
        "yes" if actor.local else "no",
        actor.person,
        worded(done),
    )
