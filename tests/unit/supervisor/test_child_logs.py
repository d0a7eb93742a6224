"""Where the lines of the children go."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from easyai.supervisor import child_logs
from easyai.supervisor.child_logs import ChildLogs, Terminal
from tests.support.waiting import wait_until


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe that stands for the terminal: (read end, write end)."""
    read, write = os.pipe()
    yield read, write
    for descriptor in (read, write):
        try:
            os.close(descriptor)
        except OSError:
            continue  # closed by the test


def _read(descriptor: int) -> str:
    return os.read(descriptor, 1 << 20).decode()


def test_each_line_shows_which_child_wrote_it(tmp_path: Path, pipe: tuple[int, int]) -> None:
    logs = ChildLogs(tmp_path, Terminal(pipe[1]))
    logs.output("api", "读取 one\ntwo\n".encode())
    logs.output("worker", b"three\n")
    logs.close()
    assert _read(pipe[0]) == "api    | 读取 one\napi    | two\nworker | three\n"
    assert (tmp_path / "api.log").read_text() == "读取 one\ntwo\n"


def test_a_line_that_comes_in_pieces_is_shown_whole(tmp_path: Path, pipe: tuple[int, int]) -> None:
    logs = ChildLogs(tmp_path, Terminal(pipe[1]))
    whole = "人数统计".encode()
    logs.output("api", whole[:5])
    logs.output("beat", b"other\n")
    logs.output("api", whole[5:] + b"\nunfinished")
    logs.close()
    assert _read(pipe[0]) == "beat   | other\napi    | 人数统计\napi    | unfinished\n"


def test_files_stay_bounded(
    tmp_path: Path, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_logs, "MAX_BYTES", 10_000)
    logs = ChildLogs(tmp_path, Terminal(pipe[1], capacity=1))
    for _ in range(2000):
        logs.output("api", b"x" * 99 + b"\n")
    logs.close()
    files = list(tmp_path.glob("api.log*"))
    assert len(files) == 1 + child_logs.BACKUPS
    assert sum(file.stat().st_size for file in files) <= 10_000 * len(files)


def test_stopped_terminal_delays_no_child_and_files_have_every_line(
    tmp_path: Path, pipe: tuple[int, int]
) -> None:
    logs = ChildLogs(tmp_path, Terminal(pipe[1], capacity=10))
    lines = 3000  # more than pipe and queue hold, while the pipe has no reader

    def write() -> None:
        for number in range(lines):
            logs.output("api", f"{number} {'x' * 100}\n".encode())

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    writer.join(20)
    assert not writer.is_alive()
    assert len((tmp_path / "api.log").read_text().splitlines()) == lines

    shown = ""

    def catches_up() -> bool:
        nonlocal shown
        logs.output("api", b"later\n")
        shown += _read(pipe[0])
        return "lines left out" in shown

    wait_until(catches_up, 10, "the terminal shows that lines were left out")
    os.close(pipe[0])
    logs.close()


def test_closed_terminal_delays_no_child(tmp_path: Path, pipe: tuple[int, int]) -> None:
    logs = ChildLogs(tmp_path, Terminal(pipe[1], capacity=10))
    os.close(pipe[0])
    for _ in range(100):
        logs.output("api", b"line\n")
    logs.close()
    assert len((tmp_path / "api.log").read_text().splitlines()) == 100


def test_failing_log_folder_delays_no_child(tmp_path: Path, pipe: tuple[int, int]) -> None:
    folder = tmp_path / "logs"
    logs = ChildLogs(folder, Terminal(pipe[1]))
    logs.output("api", b"lost from the file\n")
    folder.mkdir()
    logs.output("api", b"kept\n")
    logs.close()
    assert (folder / "api.log").read_text() == "kept\n"
    assert "lost from the file" in _read(pipe[0])
