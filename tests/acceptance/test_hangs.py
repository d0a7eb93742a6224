"""`easyai up` restarts a hung process; frames that wait meanwhile are inferred."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.algorithm_stub import AlgorithmStub
from tests.support.easyai_process import EasyaiProcess
from tests.support.outside import Outside
from tests.support.waiting import wait_until

HANG_SEC = 4
STALL_SEC = 5


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EasyaiProcess]:
    """An ``easyai up`` that waits seconds, not half a minute, before it ends a hung process."""
    folder: Path = tmp_path_factory.mktemp("hangs")
    own = {"EASYAI_HANG_SEC": str(HANG_SEC)}
    with EasyaiProcess(folder, environment=own, forked=True) as easyai:
        easyai.start(timeout=60)
        yield easyai


@pytest.fixture
def site(impatient: EasyaiProcess) -> Outside:
    """The installation as cameras, services and operators see it."""
    return Outside(impatient.url, impatient.frames)


@pytest.mark.parametrize("name", ["api", "beat", "watchdog", "worker"])
def test_a_child_that_hangs_is_started_again_and_the_restart_is_in_the_timeline(
    impatient: EasyaiProcess, name: str
) -> None:
    # Once it has shown itself there, its silence counts.
    wait_until(lambda: _events(impatient, name), 15, f"{name} has shown itself")
    before = len(_events(impatient, name, "process_restarted"))
    old = wait_until(lambda: impatient.child(name), 10)
    os.kill(old, signal.SIGSTOP)
    stopped_at = time.monotonic()
    impatient.wait_for_child(name, other_than=old, timeout=HANG_SEC + 10)
    assert time.monotonic() - stopped_at >= HANG_SEC - 1
    assert f"easyai: {name} is ended and started again: it has hung" in impatient.log
    wait_until(lambda: len(_events(impatient, name, "process_restarted")) > before, 15, "the event")
    assert "it has hung" in _events(impatient, name, "process_restarted")[-1][1]


def test_frames_that_arrive_while_the_worker_hangs_are_inferred(
    impatient: EasyaiProcess, site: Outside, algorithm: AlgorithmStub
) -> None:
    wait_until(impatient.ready, 15, "the API is back")
    algorithm.register(site.url)
    worker = wait_until(lambda: impatient.child("worker"), 10)
    wait_until(lambda: _is_shown(impatient, worker), 15, "the worker has shown itself")
    os.kill(worker, signal.SIGSTOP)
    keys = site.put_many(5, algorithm.task_types[0])
    site.assert_one_alert_each(keys, timeout=HANG_SEC + 20)


def test_a_worker_that_is_connected_but_takes_no_task_is_started_again(tmp_path: Path) -> None:
    settings = f"[ai_analysis]\nstall_alarm_sec = {STALL_SEC}\n"
    with (
        EasyaiProcess(tmp_path, settings, forked=True) as easyai,
        AlgorithmStub("silent", ("静默",)) as algorithm,
    ):
        easyai.start(timeout=60)
        site = Outside(easyai.url, easyai.frames)
        algorithm.register(site.url)
        old = wait_until(lambda: easyai.child("worker"), 10)
        # Its loops go on turning, and it answers `inspect ping`: Celery's silent stall.
        reply = easyai.run_celery("control", "cancel_consumer", "easyai")
        assert "no longer consuming from easyai" in reply.stdout, reply.stdout + reply.stderr
        keys = site.put_many(3, "静默")
        easyai.wait_for_child("worker", other_than=old, timeout=3 * STALL_SEC + 30)
        assert "it takes no tasks: beat sends, the broker answers, no scan for" in easyai.log
        site.assert_one_alert_each(keys, timeout=30)


def _is_shown(easyai: EasyaiProcess, pid: int) -> bool:
    database = sqlite3.connect(easyai.data / "easyai.db")
    try:
        return any(database.execute("SELECT 1 FROM processes WHERE pid = ?", (pid,)))
    finally:
        database.close()


def _events(easyai: EasyaiProcess, name: str, kind: str = "") -> list[tuple[str, str]]:
    """Kind and text of the events of the processes of a kind."""
    database = sqlite3.connect(easyai.data / "easyai.db")
    try:
        rows = database.execute(
            "SELECT kind, text FROM events WHERE subject LIKE ? AND kind LIKE ? ORDER BY id",
            (f"{name}@%", kind or "process_%"),
        )
        return [(str(row[0]), str(row[1])) for row in rows]
    finally:
        database.close()
