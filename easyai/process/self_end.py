"""A hung process without a supervisor ends itself, so that the container engine restarts it.

`easyai up` and systemd (WatchdogSec) watch their children. A container engine restarts a process
that has ended, but not a process that hangs: our image sets ``EASYAI_END_WHEN_HUNG=1``.
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
from easyai.process.end_codes import hung

log = logging.getLogger(__name__)

#: A process has hung after this many checks in a row without a turning loop. The checks are
#: presence.EVERY_SEC apart: a minute.
CHECKS: Final = 12
HUNG: Final = hung(60)
_REQUESTED: Final = "restart_asked"
#: Older events are ignored: a process looks for events every 5 s.
_RECENT_SEC: Final = 120.0
_DRAIN_SEC: Final = 30.0  # longer than frames in flight may take at a shutdown


def request(now: float, name: str, reason: Reason) -> events.Event:
    """The event that asks a process to end, or that records why a process ends itself."""
    return events.Event(now, _REQUESTED, name, reason)


def end_requested(conn: Connection, name: str, started_at: float, now: float) -> Reason:
    """Why the process of this name was asked to end lately, since its start; else NO_REASON."""
    return _newest(conn, name, max(started_at, now - _RECENT_SEC))


def reason_of_end(conn: Connection, name: str, started_at: float) -> Reason:
    """Why our predecessor of the same name ended itself just now; else NO_REASON."""
    return _newest(conn, name, started_at - _RECENT_SEC)


def _newest(conn: Connection, name: str, since: float) -> Reason:
    newest = events.newest(conn, _REQUESTED, name, since)
    return newest[1] if newest else NO_REASON


def end(kind: str, reason: Reason) -> NoReturn:
    """End the process in order, or at once when the shutdown hangs, too."""
    log.critical("%s: ends itself, to be started again: %s", kind, text(reason))
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_DRAIN_SEC)
    os._exit(os.EX_SOFTWARE)
