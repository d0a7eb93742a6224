"""Actions of operators: an event in the transaction of the change, and a log line."""

from __future__ import annotations

import logging

from sqlalchemy import Connection

from easyai.db import clock, events
from easyai.db.events import Event
from easyai.domain.actor import Actor
from easyai.domain.reason import Reason
from easyai.messages.catalogue import text

log = logging.getLogger(__name__)

KIND = "operator_action"


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
        text(done),
    )
