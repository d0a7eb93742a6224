"""Processes of a supervisor end with it, even when the supervisor is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from easyai.domain.reason import NO_REASON, Reason, quoted
from easyai.process.end_codes import takes_no_tasks
from easyai.process.supervisor_link import die_with_parent, from_line, to_line
from tests.support.waiting import wait_until

_CHILD = """
import os, pathlib, sys, time
from easyai.process.supervisor_link import die_with_parent
die_with_parent()
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(60)
"""
_PARENT = """
import subprocess, sys
subprocess.run([sys.executable, "-c", sys.argv[1], sys.argv[2]])
"""


def test_a_supervised_process_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    environment = os.environ | {"EASYAI_SUPERVISED": "1"}
    command = [sys.executable, "-c", _PARENT, _CHILD, str(pid_file)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, cwd=root, env=environment) as parent:
        wait_until(lambda: pid_file.exists() and pid_file.read_text(), 20)
        child = int(pid_file.read_text())
        assert _lives(child)
        parent.kill()
    try:
        wait_until(lambda: not _lives(child), 10, "the child has ended")
    finally:
        if _lives(child):
            os.kill(child, signal.SIGKILL)


def test_no_parent_death_signal_is_set_without_a_supervisor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("EASYAI_SUPERVISED", raising=False)
    assert not die_with_parent()


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize("reason", [takes_no_tasks(31), quoted("two\nlines"), NO_REASON])
def test_reason_is_sent_to_another_process_on_a_single_line(reason: Reason) -> None:
    assert "\n" not in to_line(reason)
    assert from_line(to_line(reason)) == reason


@pytest.mark.parametrize("words", ["it was restarted by hand", "7", '["a"]'])
def test_the_words_of_another_program_are_quoted(words: str) -> None:
    assert from_line(words) == quoted(words)
