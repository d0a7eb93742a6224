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
from easyai.health.presence import exists
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
