"""How a child ended: by our hand, by a signal, or by the kernel for lack of memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from easyai.messages.catalogue import text
from easyai.supervisor.child_ends import ChildEnds, memory_kills


def _ended_by(number: int) -> tuple[int, int]:
    """A real child that a signal ended, with the status that waitpid gave."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    os.kill(child.pid, number)
    pid, status = os.waitpid(child.pid, 0)
    child.returncode = status
    return pid, status


@pytest.mark.parametrize(
    ("kills", "wording"),
    [
        ([3, 4], "it was killed for lack of memory: the memory limit was hit"),
        ([3, 3], "it was killed by SIGKILL, which easyai did not send"),
        ([None, None], "it was killed by SIGKILL, which easyai did not send"),
    ],
)
def test_reason_of_a_sigkill_uses_the_out_of_memory_count_of_the_kernel(
    kills: list[int | None], wording: str
) -> None:
    ends = ChildEnds(lambda: kills.pop(0))
    pid, status = _ended_by(signal.SIGKILL)
    ends.note(pid, status)
    assert text(ends.reason(pid, -1)).startswith(wording)


def test_reason_of_another_signal_has_its_number() -> None:
    ends = ChildEnds(lambda: 0)
    pid, status = _ended_by(signal.SIGTERM)
    ends.note(pid, status)
    assert text(ends.reason(pid, -1)) == "it was killed by signal 15"


def test_out_of_memory_kill_explains_a_single_sigkill() -> None:
    kills = [0, 1, 1]
    ends = ChildEnds(lambda: kills.pop(0))
    for words in ("for lack of memory", "by SIGKILL"):
        pid, status = _ended_by(signal.SIGKILL)
        ends.note(pid, status)
        assert words in text(ends.reason(pid, -1))


def test_out_of_memory_count_is_that_of_the_own_control_group(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    own.write_text("0::/system.slice/easyai.service\n")
    folder = tmp_path / "fs" / "system.slice" / "easyai.service"
    folder.mkdir(parents=True)
    (folder / "memory.events").write_text("low 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 0\n")
    assert memory_kills(own, tmp_path / "fs") == 2


def test_out_of_memory_count_is_that_of_the_machine_without_control_groups(tmp_path: Path) -> None:
    known = "oom_kill " in Path("/proc/vmstat").read_text()
    assert (memory_kills(tmp_path / "none", tmp_path) is not None) == known
