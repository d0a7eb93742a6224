"""A hung process without a supervisor ends itself, and its successor reports the reason."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from easyai.alarms.silent_stall import SilentStall
from easyai.db import clock, events, processes
from easyai.domain.reason import NO_REASON
from easyai.messages.catalogue import text
from easyai.process import end_codes, self_end
from easyai.process.supervisor_link import END_WHEN_HUNG_VARIABLE
from tests.support.site import Installation
from tests.support.waiting import wait_until
from tests.support.watchdogs import Watchdogs

pytestmark = pytest.mark.sqlite_only

_PROGRAM = """
import signal, sys, time
from easyai.db.session import Database
from easyai.process import presence, self_end
presence.EVERY_SEC = 0.02
self_end._DRAIN_SEC = 0.5
url, works, obeys = sys.argv[1:]
heals = lambda: works != "hangs, and no end heals it"
signal.signal(signal.SIGTERM, signal.SIG_DFL if obeys == "obeys" else signal.SIG_IGN)
presence.Presence("worker", lambda: Database(url), lambda: works == "works", heals).start()
time.sleep(20)
"""


def _run(
    site: Installation,
    works: str,
    obeys: str,
    switch: str = END_WHEN_HUNG_VARIABLE,
    limit_sec: float = 15.0,
) -> int:
    """Run a process with such a presence; returns its exit code, or minus the signal."""
    environment = {"PATH": "/usr/bin:/bin", switch: "1", "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", _PROGRAM, site.database_url, works, obeys]
    done = subprocess.run(command, env=environment, timeout=limit_sec, capture_output=True)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done.returncode


def test_hung_process_ends_and_records_the_reason(site: Installation) -> None:
    assert _run(site, "hangs", "obeys") == -15
    (row,) = site.rows("SELECT * FROM events WHERE kind = 'restart_asked'")
    assert (row["reason_code"], row["text"]) == (end_codes.HUNG, text(self_end.HUNG))


def test_hung_process_that_ignores_sigterm_exits_at_once(site: Installation) -> None:
    assert _run(site, "hangs", "ignores") == 70


@pytest.mark.parametrize(
    ("works", "switch"),
    [
        ("works", END_WHEN_HUNG_VARIABLE),
        ("hangs", "OTHER"),
        ("hangs, and no end heals it", END_WHEN_HUNG_VARIABLE),
    ],
)
def test_process_stays_if_it_works_or_a_restart_would_not_help(
    site: Installation, works: str, switch: str
) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        _run(site, works, "obeys", switch, limit_sec=3.0)


def test_restarted_process_finds_the_reason_of_its_predecessors_end(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(END_WHEN_HUNG_VARIABLE, "1")
    with site.runtime.db.write() as conn:
        now = clock.now(conn)
        events.add(conn, [self_end.request(now - 5, "worker@a:7", self_end.HUNG)])
        assert self_end.reason_of_end(conn, "worker@a:7", now) == self_end.HUNG
        assert self_end.reason_of_end(conn, "worker@b:7", now) == NO_REASON
        assert self_end.reason_of_end(conn, "worker@a:7", now + 600) == NO_REASON
        asked = partial(self_end.end_requested, conn, "worker@a:7")
        assert asked(now - 3600, now) == self_end.HUNG
        assert asked(now, now) == NO_REASON, "it was meant for the one before"
        assert asked(now - 3600, now + 600) == NO_REASON, "events of an hour are not read each time"


@pytest.mark.parametrize("supervised", [False, True])
def test_watchdog_asks_unsupervised_workers_that_take_no_tasks_to_end(
    site: Installation,
    watchdogs: Watchdogs,
    monkeypatch: pytest.MonkeyPatch,
    supervised: bool,
) -> None:
    """Under `easyai up` the supervisor ends them."""
    if supervised:
        monkeypatch.setenv("EASYAI_SUPERVISED", "1")
    monkeypatch.setattr(SilentStall, "reason_to_restart", lambda *_: end_codes.takes_no_tasks(31))
    with site.runtime.db.write() as conn:
        processes.beat(conn, "worker", "a", 7, clock.now(conn))
        processes.beat(conn, "worker", "gone", 7, clock.now(conn) - 100)
    watchdogs.start()
    asked = "SELECT DISTINCT subject FROM events WHERE kind = 'restart_asked'"
    if supervised:
        watchdogs.rounds()
        assert site.rows(asked) == []
    else:
        wait_until(lambda: site.rows(asked), 10, "the request")
        assert [row["subject"] for row in site.rows(asked)] == ["worker@a:7"]
