"""A process that nobody watches ends itself when it has hung; whoever runs it starts it again.

`easyai up` and systemd (WatchdogSec) watch what they start. A container engine starts again what
has ended, and leaves alone what hangs: our image sets ``EASYAI_END_WHEN_HUNG=1``.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from typing import Final, NoReturn

from sqlalchemy import Connection

from easyai.db import events
from easyai.domain.reason import NO_REASON, Reason
from easyai.messages.catalogue import text
from easyai.process.ends import hung

log = logging.getLogger(__name__)

#: So many looks in a row (presence.EVERY_SEC apart) find no loop turning: a minute.
LOOKS: Final = 12
HUNG: Final = hung(60)
_ASKED: Final = "restart_asked"
#: No older event is read: it is looked for every 5 s.
_RECENT_SEC: Final = 120.0
_DRAIN_SEC: Final = 30.0  # longer than frames in flight may take at an end


def request(now: float, name: str, reason: Reason) -> events.Event:
    """The event by which a process is asked to end, or tells why it does."""
    return events.Event(now, _ASKED, name, reason)


def asked(conn: Connection, name: str, started_at: float, now: float) -> Reason:
    """Why the process of this name was asked to end lately, since its start, if it was."""
    return _newest(conn, name, max(started_at, now - _RECENT_SEC))


def reason_of_end(conn: Connection, name: str, started_at: float) -> Reason:
    """Why the process before us in this place ended itself just now, if it did."""
    return _newest(conn, name, started_at - _RECENT_SEC)


def _newest(conn: Connection, name: str, since: float) -> Reason:
    found = events.newest(conn, _ASKED, name, since)
    return found[1] if found else NO_REASON


def end(kind: str, reason: Reason) -> NoReturn:
    """End in order, or at once where that hangs too."""
    log.critical("%s: ends itself, to be started again: %s", kind, text(reason))
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_DRAIN_SEC)
    os._exit(os.EX_SOFTWARE)
