"""A process of easyai is identified by pid and start time, whatever its command line."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from easyai.db import processes
from easyai.diagnosis.report.as_markdown import markdown
from easyai.process import presence
from easyai.process.presence import Presence
from easyai.system.identity import has_ended, holder, home, mark, runs, start_ticks
from tests.support.lively import codes, look, processes_work
from tests.support.site import Installation
from tests.support.waiting import wait_until

Start = Callable[..., int]
HOUR = 3600.0
_NOBODY = 2**22 + 1  # above the kernel's largest pid


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a sleeping process in a folder like that of a clone; returns its pid."""
    started: list[subprocess.Popen[bytes]] = []
    program = tmp_path / "my site" / "easyai" / "worker"
    program.parent.mkdir(parents=True)
    program.write_text("import time; time.sleep(120)")

    def start(*words: str) -> int:
        process = subprocess.Popen([sys.executable, str(program), *words], cwd=program.parent)
        started.append(process)
        return process.pid

    yield start
    for process in started:
        process.kill()
        process.wait(10)


def test_process_is_identified_by_pid_and_start_time(start: Start) -> None:
    pid = start("-A", "easyai", "worker")
    ticks = start_ticks(pid)
    assert ticks
    assert runs(pid, ticks)
    assert not runs(pid, ticks - 1), "its number was another process's before"
    assert runs(pid, None), "an older version of us did not note the start"
    assert not runs(_NOBODY, None)


def test_suspended_process_counts_as_running(start: Start) -> None:
    pid = start()
    ticks = start_ticks(pid)
    os.kill(pid, signal.SIGSTOP)
    assert runs(pid, ticks)


def test_zombie_process_does_not_count_as_running() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as ended:
        ticks = start_ticks(ended.pid)
        ended.kill()
        state = Path(f"/proc/{ended.pid}/stat")
        wait_until(lambda: ") Z " in state.read_text(), 10, "it is a zombie")
        assert not runs(ended.pid, ticks)


def test_process_whose_main_thread_ended_counts_as_running() -> None:
    program = (
        "import ctypes, threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as left:
        state = Path(f"/proc/{left.pid}/stat")
        wait_until(lambda: ") Z " in state.read_text(), 10, "its first thread has ended")
        lives = runs(left.pid, start_ticks(left.pid))
        left.kill()
    assert lives


def test_any_process_with_the_pid_counts_without_start_times(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = start()

    def no_file(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", no_file)
    assert start_ticks(pid) is None
    assert runs(pid, 7)
    assert not runs(_NOBODY, 7)


def test_mark_shows_whether_its_process_has_ended(start: Start) -> None:
    assert not has_ended(mark())
    assert not has_ended(holder())
    other, _, ticks = mark().split(".")
    assert has_ended(f"{other}.{_NOBODY}.{ticks}")
    assert has_ended(f"host.name:12:{other}.{os.getpid()}.{int(ticks) - 1}:abcd"), "an earlier one"
    assert has_ended(f"{other}.{_NOBODY}.{ticks}.3f2a1b-17"), "as a token of a lease"
    pid = start()
    os.kill(pid, signal.SIGSTOP)
    assert not has_ended(f"{other}.{pid}.{start_ticks(pid)}.3f2a1b-17")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3f2a1b3f2a1b-17",  # a token of an older version
        "host:12:abcd",  # a holder of an older version
        f"000000000000.{_NOBODY}.17.3f2a1b-17",  # another machine
    ],
)
def test_unknown_mark_is_not_taken_for_an_ended_process(text: str) -> None:
    assert not has_ended(text)


def test_mark_without_a_start_time_is_not_taken_for_an_ended_process() -> None:
    assert not has_ended(f"{mark().split('.')[0]}.{_NOBODY}.0")


def test_mark_of_another_boot_or_container_is_not_taken_for_an_ended_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = f"{mark().split('.')[0]}.{_NOBODY}.17"
    assert has_ended(ended)
    read_text, readlink = Path.read_text, Path.readlink
    with monkeypatch.context() as patch:
        patch.setattr(
            Path,
            "read_text",
            lambda path, **how: "later" if path.name == "boot_id" else read_text(path, **how),
        )
        assert not has_ended(ended)
    monkeypatch.setattr(
        Path, "readlink", lambda path: Path("pid:[1]") if path.name == "pid" else readlink(path)
    )
    assert not has_ended(ended)


def test_pid_of_another_container_is_not_reported_gone(site: Installation) -> None:
    """Another container or machine with the host name of this machine."""
    processes_work(site, kinds=("api", "beat", "watchdog"))
    host, other = socket.gethostname(), f"{home()}0"
    minute_ago = time.time() - 60
    with site.runtime.db.write() as conn:
        gone = _NOBODY
        processes.beat(conn, "worker", host, gone, minute_ago, minute_ago, other)
    report = markdown(look(site))
    assert f"worker@{host}:{gone} gave its last sign of life" in report
    assert "the process is gone" not in report
    with site.runtime.db.write() as conn:
        processes.beat(conn, "worker", host, gone, minute_ago, minute_ago, home())
    assert "the process is gone" in markdown(look(site))


def test_process_row_has_the_pid_namespace_and_start_time(site: Installation) -> None:
    shown = Presence("worker", lambda: site.runtime.db)
    shown.start()
    try:
        rows = wait_until(lambda: site.rows("SELECT * FROM processes"), 10, "its row")
    finally:
        shown.close()
    assert (rows[0]["name"].rpartition(":")[0], rows[0]["host"]) == (
        f"worker@{socket.gethostname()}",
        home(),
    )
    assert rows[0]["start_ticks"] == start_ticks(os.getpid())
    assert abs(rows[0]["clock_offset_sec"]) < 2
    assert not site.rows("SELECT name FROM processes"), "it ended in order"


def test_process_row_has_the_clock_offset(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = time.time
    monkeypatch.setattr(time, "time", lambda: truth() + HOUR)
    db = site.open().db
    presence = Presence("worker", lambda: db)
    presence.start()
    try:
        (row,) = wait_until(lambda: site.rows("SELECT * FROM processes"), 10, "its row")
    finally:
        presence.close()
    shared = site.runtime.db.is_sqlite  # the same machine, the same clock
    assert row["clock_offset_sec"] == pytest.approx(0.0 if shared else HOUR, abs=2)
    assert row["beat_at"] - truth() == pytest.approx(HOUR if shared else 0.0, abs=5)


def test_hung_process_writes_no_beat(site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "EVERY_SEC", 0.02)
    answers = iter([False] * 5)
    shown = Presence("worker", lambda: site.runtime.db, lambda: next(answers, True))
    shown.start()
    try:
        wait_until(lambda: site.rows("SELECT name FROM processes"), 10, "its row")
        assert next(answers, None) is None, "only once they turn"
    finally:
        shown.close()


def test_no_kill_is_advised_for_a_foreign_process_with_the_pid_of_a_worker(
    site: Installation, start: Start
) -> None:
    processes_work(site, kinds=("api", "beat", "watchdog"))
    minute_ago = time.time() - 60
    with site.runtime.db.write() as conn:
        pid = start("-A", "easyai", "worker")
        ticks = (start_ticks(pid) or 0) - 1  # of the process that had this pid before
        here = (socket.gethostname(), pid, minute_ago, minute_ago, home())
        processes.beat(conn, "worker", *here, start_ticks=ticks)
    found = look(site)
    assert codes(found) == ["worker_gone"]
    report = markdown(found)
    assert "the process is gone" in report
    assert "kill -9" not in report
