"""A process of ours is told from one that was given its number after it had ended."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from easyai.cli.children import Child, children
from easyai.db import processes
from easyai.health.presence import Presence, exists, home
from easyai.health.report.as_markdown import markdown
from tests.support.lively import codes, look, processes_work
from tests.support.site import Installation
from tests.support.waiting import wait_until

Start = Callable[..., int]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process that sleeps, with these words in its command line; its pid."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> int:
        command = [sys.executable, "-c", "import time; time.sleep(120)", *words]
        process = subprocess.Popen(command)
        started.append(process)
        shown = Path(f"/proc/{process.pid}/cmdline")
        wait_until(lambda: b"time.sleep" in shown.read_bytes(), 10, "the process has begun")
        return process.pid

    yield start
    for process in started:
        process.kill()
        process.wait(10)


@pytest.mark.parametrize("child", children(5066), ids=lambda child: child.name)
def test_each_of_our_processes_is_known_by_its_command_line(start: Start, child: Child) -> None:
    pid = start(*child.arguments)
    assert [one.name for one in children(5066) if exists(pid, one.name)] == [child.name]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("-A", "shop", "worker"),
        ("-f", "/var/log/easyai/worker.log"),
        ("-m", "easyai.cli.main", "api"),
    ],
)
def test_a_foreign_process_is_not_taken_for_our_worker(start: Start, words: tuple[str]) -> None:
    assert not exists(start(*words), "worker")


@pytest.mark.parametrize("with_beat", ["-B", "--beat", "-EB"])
def test_a_worker_that_runs_beat_beside_itself_is_both(start: Start, with_beat: str) -> None:
    pid = start("-A", "easyai", "worker", with_beat, "-l", "INFO")
    assert [kind for kind in ("api", "beat", "worker") if exists(pid, kind)] == ["beat", "worker"]


def test_a_worker_that_was_given_its_app_by_a_variable_is_known(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_APP", "easyai.celery:app")
    ours = start("worker", "-l", "INFO")
    monkeypatch.setenv("CELERY_APP", "shop")
    foreign = start("worker", "-l", "INFO")
    assert (exists(ours, "worker"), exists(foreign, "worker")) == (True, False)


def test_a_number_is_not_judged_where_it_means_another_process(site: Installation) -> None:
    """A container, or another machine, that has the name of this one."""
    processes_work(site, kinds=("api", "beat", "watchdog"))
    host, other = socket.gethostname(), f"{home()}0"
    minute_ago = time.time() - 60
    with site.runtime.db.write() as conn:
        gone = 2**22 + 1  # above the kernel's largest
        processes.beat(conn, "worker", host, gone, minute_ago, minute_ago, other)
    report = markdown(look(site))
    assert f"worker@{host}:{gone} showed itself last" in report
    assert "the process is gone" not in report
    with site.runtime.db.write() as conn:
        processes.beat(conn, "worker", host, gone, minute_ago, minute_ago, home())
    assert "the process is gone" in markdown(look(site))


def test_a_process_shows_where_its_number_means_something(site: Installation) -> None:
    presence = Presence("worker", lambda: site.runtime.db)
    presence.start()
    try:
        rows = wait_until(lambda: site.rows("SELECT name, host FROM processes"), 10, "its row")
    finally:
        presence.close()
    assert (rows[0]["name"].rpartition(":")[0], rows[0]["host"]) == (
        f"worker@{socket.gethostname()}",
        home(),
    )
    assert not site.rows("SELECT name FROM processes"), "it ended in order"


def test_a_title_that_a_program_gave_itself_is_read_as_well(start: Start) -> None:
    assert exists(start("[celeryd: celery@h:MainProcess] -active- (-A easyai worker)"), "worker")


def test_a_process_that_ended_and_was_not_waited_for_is_not_there(start: Start) -> None:
    with subprocess.Popen([sys.executable, "-c", "", "easyai", "worker"]) as ended:
        state = Path(f"/proc/{ended.pid}/stat")
        wait_until(lambda: ") Z " in state.read_text(), 10, "it is a zombie")
        assert not exists(ended.pid, "worker")


def test_where_command_lines_cannot_be_read_any_process_counts(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = start()

    def no_file(_: Path) -> bytes:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_bytes", no_file)
    assert exists(pid, "worker")
    assert not exists(2**22 + 1, "worker"), "above the kernel's largest"


def test_nobody_is_told_to_kill_a_foreign_process_that_has_the_number_of_our_worker(
    site: Installation, start: Start
) -> None:
    processes_work(site, kinds=("api", "beat", "watchdog"))
    minute_ago = time.time() - 60
    with site.runtime.db.write() as conn:
        pid = start("--serve", "shop")
        processes.beat(conn, "worker", socket.gethostname(), pid, minute_ago, minute_ago)
    found = look(site)
    assert codes(found) == ["worker_gone"]
    report = markdown(found)
    assert "the process is gone" in report
    assert "kill -9" not in report
