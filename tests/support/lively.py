"""Rows as an installation whose processes all work would have, without the processes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from easyai.broker.broker_check import BrokerCheck
from easyai.db import leases, processes
from easyai.db.events import Event, add
from easyai.diagnosis.contents import Diagnosis, diagnose
from tests.support.site import TYPE, Installation

KINDS = ("api", "beat", "watchdog", "worker")


def processes_work(site: Installation, kinds: Iterable[str] = KINDS) -> None:
    """Every process has just shown itself, a beat leads, and a scan has just been done."""
    now, host = time.time(), "elsewhere"  # nothing is to be known of their command lines here
    with site.runtime.db.write() as conn:
        for kind in kinds:
            processes.beat(conn, kind, host, os.getpid(), now, now - 60)
        leases.acquire(conn, "beat", "test", 5.0, now)
        leases.acquire(conn, "scan", "test", 0.5, now)
        leases.end(conn, "scan", "test", now, quiet_sec=0.5, done=True)


def look(site: Installation, *, probes: bool = True) -> Diagnosis:
    """A diagnosis of this moment."""
    return diagnose(site.runtime, BrokerCheck(lambda: site.runtime.settings), probes=probes)


def silent_for(site: Installation, seconds: float) -> None:
    """The last heartbeat of every service, and any other sign of life, was so long ago."""
    site.execute(
        "UPDATE services SET last_heartbeat = last_heartbeat - :ago,"
        " last_evidence = last_evidence - :ago, state_since = state_since - :ago,"
        " register_at = register_at - :ago, last_success_at = last_success_at - :ago"
        " WHERE last_heartbeat > 0",
        ago=seconds,
    )
    site.execute("UPDATE services SET last_success_at = 0 WHERE last_success_at < 0")


def succeeded_ago(site: Installation, seconds: float) -> None:
    """The last success was so long ago."""
    site.execute("DELETE FROM statistics WHERE bucket > 0")
    site.execute("UPDATE events SET at = at - :ago WHERE kind <> 'installed'", ago=seconds)


def waits_since(site: Installation, seconds: float, task_type: str = TYPE) -> None:
    """The frames that wait were found so long ago."""
    site.execute(
        "UPDATE frames SET found_at = found_at - :ago, due_at = due_at - :ago"
        " WHERE state IN ('pending', 'parked') AND task_type = :task_type",
        ago=seconds,
        task_type=task_type,
    )


def happened(site: Installation, *changes: Event) -> None:
    """Events of the past."""
    with site.runtime.db.write() as conn:
        add(conn, changes)


def codes(diagnosis: Diagnosis) -> list[str]:
    """The causes, most likely first."""
    return [cause.code for cause in diagnosis.causes]
