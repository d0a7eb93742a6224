"""A child of `easyai up` that is forked runs as if it had been started by an exec."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_PROGRAM = """
import json, logging, os, signal, sys, threading
from pathlib import Path

def main():
    files = [int(file.name) for file in list(Path("/proc/self/fd").iterdir())]
    print(json.dumps({
        "argv": sys.argv,
        "shown": Path("/proc/self/cmdline").read_bytes().rstrip(b"\\0").decode().split("\\0"),
        "variables": [os.environ.get("OLD"), os.environ.get("NEW")],
        "term": signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
        "interrupt": signal.getsignal(signal.SIGINT) == signal.default_int_handler,
        "ignored": signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN,
        "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "others": [number for number in files if os.path.exists(f"/proc/self/fd/{number}")
                   and number > 2],
        "raises": logging.raiseExceptions,
    }))
    threading.Timer(0.2, lambda: print("thread ended")).start()
    import atexit
    atexit.register(lambda: print("exit handler"))
    END
"""
_PARENT = """
import logging, os, signal, sys
from pathlib import Path
from easyai.supervisor import forked_child

signal.signal(signal.SIGTERM, lambda *_: None)
signal.signal(signal.SIGINT, lambda *_: None)
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
logging.raiseExceptions = False
os.environ["OLD"] = "1"
held = open(sys.argv[1])
pid = forked_child.fork()
if pid == 0:
    forked_child.run([sys.executable, "-m", "program", "一", "b c"], {"NEW": "2"}, os.getppid())
status = os.waitpid(pid, 0)[1]
print("code", os.waitstatus_to_exitcode(status), flush=True)
"""


def _run(
    folder: Path, end: str, parent: str = _PARENT, *, check: bool = True
) -> subprocess.CompletedProcess[str]:
    program = folder / "program.py"
    program.write_text(_PROGRAM.replace("END", end), encoding="utf-8")
    path = f"{folder}{os.pathsep}{ROOT}"
    return subprocess.run(
        [sys.executable, "-u", "-c", parent, str(program)],
        env=os.environ | {"PYTHONPATH": path, "PYTHONUTF8": "1", "EASYAI_SUPERVISED": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=check,
    )


def test_forked_child_keeps_no_signal_handler_file_or_variable_of_the_supervisor(
    tmp_path: Path,
) -> None:
    seen = json.loads(_run(tmp_path, "return").stdout.splitlines()[0])
    assert seen == {
        "argv": [str(tmp_path / "program.py"), "一", "b c"],
        "shown": [sys.executable, "-m", "program", "一", "b c"],
        "variables": [None, "2"],
        "term": True,
        "interrupt": True,
        "ignored": True,
        "blocked": 0,
        "others": [],
        "raises": True,
    }


@pytest.mark.parametrize(
    ("end", "code", "error"),
    [
        ("return", 0, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit('wrong settings')", 1, "wrong settings\n"),
        ("raise RuntimeError('no memory')", 1, "RuntimeError: no memory\n"),
    ],
)
def test_forked_child_ends_with_the_exit_code_of_its_program(
    tmp_path: Path, end: str, code: int, error: str
) -> None:
    result = _run(tmp_path, end)
    assert result.stdout.splitlines()[1:] == ["thread ended", "exit handler", f"code {code}"]
    assert result.stderr.endswith(error)
    assert bool(result.stderr) == bool(error)


def test_forked_child_ends_with_a_killed_supervisor_before_its_program_asks_for_that(
    tmp_path: Path,
) -> None:
    end = "import time; os.kill(os.getppid(), signal.SIGKILL); time.sleep(5); print('goes on')"
    assert "goes on" not in _run(tmp_path, end, check=False).stdout


def test_forked_child_of_a_supervisor_that_was_killed_before_begins_no_program(
    tmp_path: Path,
) -> None:
    late = _PARENT.replace("os.getppid())", "os.getppid() + 1)")  # another process adopted it
    assert _run(tmp_path, "return", late).stdout == "code 1\n"


def test_fork_waits_until_a_thread_has_written_its_line(tmp_path: Path) -> None:
    before = """
import threading
ends = os.pipe()
log = logging.StreamHandler(os.fdopen(ends[1], "w"))
began = threading.Event()

def write():
    with forked_child.no_fork:
        began.set()
        log.handle(logging.makeLogRecord({"msg": "a" * 2_000_000}))  # the pipe is full

def read():
    while os.read(ends[0], 65536):
        pass

threading.Thread(target=write, daemon=True).start()
began.wait()
threading.Timer(0.5, read).start()
pid = forked_child.fork()
"""
    parent = _PARENT.replace("pid = forked_child.fork()\n", before)
    parent = parent.replace("status = os", "log.close(); log.stream.close(); status = os")
    assert _run(tmp_path, "return", parent).stdout.endswith("code 0\n")


def test_signal_that_arrives_before_the_program_begins_ends_the_forked_child(
    tmp_path: Path,
) -> None:
    early = _PARENT.replace(
        "    forked_child.run(", "    os.kill(os.getpid(), signal.SIGTERM)\n    forked_child.run("
    )
    assert _run(tmp_path, "return", early).stdout == f"code {-signal.SIGTERM}\n"
