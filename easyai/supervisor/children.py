"""The processes of ``easyai up``, and the configuration that keeps them running."""

from __future__ import annotations

import shlex
import sys
from typing import NamedTuple

from easyai.settings.last_good import RENEWS_VARIABLE

# A child that ends within START_SEC of its start is restarted after 1, 2, … MAX_BACKOFF_SEC. A
# child that has run longer is restarted at once. The supervisor never gives up.
START_SEC = 10
MAX_BACKOFF_SEC = 5
#: Started once the other children work: until then they have the processors for themselves.
LAST = "watchdog"
#: Renews the copy of the last good settings: the worker reads the file every second.
RENEWS_SETTINGS = "worker"


class Child(NamedTuple):
    """A process to keep running."""

    name: str
    arguments: tuple[str, ...]  # of the Python interpreter
    stop_sec: int  # time to end after SIGTERM, before SIGKILL


def children(port: int) -> list[Child]:
    """The processes in the order of their start; they stop in the opposite order.

    The API stops last: algorithms fetch the pictures of frames in flight from it. The watchdog
    stops first: an intended stop must raise no alarm.
    """
    celery = ("-m", "celery", "--quiet", "-A", "easyai")
    name = f"worker-{port}@%h"
    worker = (*celery, "worker", "-l", "INFO", "-n", name, "--without-gossip", "--without-mingle")
    return [
        Child("api", ("-m", "easyai.cli.main", "api"), 10),
        Child("worker", worker, 25),
        Child("beat", (*celery, "beat", "-l", "INFO", "--pidfile", ""), 5),
        Child("watchdog", ("-m", "easyai.cli.main", "watchdog"), 8),
    ]


def program_sections(port: int, notify_socket: str) -> str:
    """The supervisor configuration of the children, which report to the socket that they work."""
    lines = ["[supervisord]", "silent=true"]
    for priority, child in enumerate(children(port), start=1):
        lines += [
            f"[program:{child.name}]",
            "command=" + shlex.join((sys.executable, *child.arguments)).replace("%", "%%"),
            f"priority={priority}",
            f"autostart={'false' if child.name == LAST else 'true'}",
            "autorestart=true",
            f"startsecs={START_SEC}",
            f"startretries={MAX_BACKOFF_SEC * 10}",
            f"stopwaitsecs={child.stop_sec}",
            "killasgroup=true",
            "environment=" + _variables(child, notify_socket),
            "redirect_stderr=true",
            "stdout_logfile=NONE",
            "stdout_events_enabled=true",
        ]
    return "\n".join(lines) + "\n"


def _variables(child: Child, notify_socket: str) -> str:
    own = f',{RENEWS_VARIABLE}="1"' if child.name == RENEWS_SETTINGS else ""
    return f'NOTIFY_SOCKET="{notify_socket}"{own}'
