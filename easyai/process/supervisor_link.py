"""Notifications of a process to its supervisor, and its end together with its parent.

The protocol is systemd's (sd_notify(3)): datagrams of ``NAME=value`` lines to ``$NOTIFY_SOCKET``.
``easyai up`` and systemd (Type=notify, WatchdogSec) both understand it.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
import time
from typing import Final

from easyai.domain.reason import NO_REASON, Reason, from_json, quoted

_PR_SET_PDEATHSIG = 1  # prctl(2)
_EVERY_SEC: Final = 1.0
#: A loop counts as running for this time after its last iteration. The slowest loop, over the
#: embedded broker, iterates every 2 s.
ITERATED_LATELY_SEC: Final = 5.0


#: ``host:port`` of the API that a worker waits for; set by ``easyai up``, absent elsewhere.
AWAIT_API_VARIABLE: Final = "EASYAI_AWAIT_API"
#: Set by our image.
END_WHEN_HUNG_VARIABLE: Final = "EASYAI_END_WHEN_HUNG"
#: Why a supervisor has started a process again, as `sent` writes it.
RESTARTED_VARIABLE: Final = "EASYAI_RESTARTED"


def die_with_parent() -> bool:
    """Ask the kernel for a SIGTERM when our parent dies; returns whether the kernel will send it.

    Only on Linux and with ``EASYAI_SUPERVISED=1``, which a supervisor sets for its children. The
    parent is the thread that started us: a supervisor starts its programs from a thread that lives
    as long as the supervisor.
    """
    if os.environ.get("EASYAI_SUPERVISED") != "1" or sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) == 0)


def is_supervised() -> bool:
    """Whether ``easyai up`` has started us, which restarts a process that hangs."""
    return os.environ.get("EASYAI_SUPERVISED") == "1"


def ends_when_hung() -> bool:
    """Whether a hung process ends itself: no supervisor watches it, but a container restarts it."""
    return os.environ.get(END_WHEN_HUNG_VARIABLE) == "1" and not is_supervised()


def restart_reason() -> Reason:
    """Why our supervisor had to restart us; NO_REASON when it started us for the first time."""
    return from_line(os.environ.get(RESTARTED_VARIABLE, ""))


def to_line(reason: Reason) -> str:
    """A reason as a line of JSON, for another process."""
    return json.dumps(reason.as_json(), ensure_ascii=False)


def from_line(line: str) -> Reason:
    """The reason that `to_line` wrote; quotes the line of another program."""
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if isinstance(value, dict) and "code" in value:
        return from_json(value)
    return quoted(line) if line else NO_REASON


def awaited_api() -> tuple[str, int] | None:
    """Host and port of the API that our supervisor starts beside us; None without such an API."""
    host, _, port = os.environ.get(AWAIT_API_VARIABLE, "").rpartition(":")
    return (host, int(port)) if host and port.isdecimal() else None


class Loop:
    """The time of a loop's last iteration; any thread may ask whether the loop still runs."""

    def __init__(self) -> None:
        self._iterated_at = time.monotonic()

    def record_iteration(self) -> None:
        """Record an iteration of the loop."""
        self._iterated_at = time.monotonic()

    def is_running(self) -> bool:
        """Whether the loop iterated within the last seconds."""
        return time.monotonic() - self._iterated_at < ITERATED_LATELY_SEC


class Notifier:
    """Notifies the supervisor, if there is a supervisor. Never blocks, never raises.

    Call `alive` from the loop that does the work: a process that only exists is not alive.
    """

    def __init__(self) -> None:
        self._address = _address(os.environ.get("NOTIFY_SOCKET", ""))
        self._socket: socket.socket | None = None
        self._notified_at = float("-inf")
        self._greeting = "READY=1\n"

    @property
    def supervised(self) -> bool:
        """Whether a supervisor listens for signs of life."""
        return bool(self._address)

    def alive(self) -> None:
        """Notify the supervisor that the work goes on, at most once a second."""
        now = time.monotonic()
        if now - self._notified_at >= _EVERY_SEC * 0.9 and self._send(
            f"{self._greeting}WATCHDOG=1"
        ):
            self._notified_at, self._greeting = now, ""

    def stopping(self) -> None:
        """Notify the supervisor that the shutdown has begun; the last notification."""
        self._send("STOPPING=1")
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ask_restart(self, child: str, reason: Reason) -> bool:
        """Ask ``easyai up`` to restart a child; returns whether the request was sent."""
        return self._send(f"X_EASYAI_RESTART={child}\nX_EASYAI_REASON={to_line(reason)}")

    def _send(self, words: str) -> bool:
        if not self._address:
            return False
        try:
            if self._socket is None:
                kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
                self._socket = socket.socket(socket.AF_UNIX, kind)
            self._socket.sendto(words.encode(), self._address)
        except OSError:
            # The supervisor's queue is full, or it has gone. `alive` tries again after a second, or
            # the supervisor ends us.
            return False
        return True


def _address(name: str) -> str:
    return "\0" + name[1:] if name.startswith("@") else name
