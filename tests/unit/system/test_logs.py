"""No word from outside forges a line of a log or steers the terminal that shows it."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from easyai.supervisor.child_logs import ChildLogs, Terminal
from easyai.system.logs import LineFormatter, one_line

FORGED = "2026-01-01 00:00:00,000 INFO easyai.api: all is well"
EVIL = f"a\n{FORGED}\r\x1b[2J\x9b\u202e\u2066\u200b\u200d\ufeff\u2028\u2029\x85\x0b\x00\U000e0041z"
ESCAPED = (
    rf"a\n{FORGED}\r\x1b[2J\x9b\u202e\u2066\u200b\u200d\ufeff\u2028\u2029\x85\x0b\x00\U000e0041z"
)


def test_unprintable_characters_are_escaped_and_the_rest_is_kept() -> None:
    assert one_line(EVIL) == ESCAPED
    assert one_line("\ud800\ufffe") == r"\ud800\ufffe"
    assert one_line("人数统计　门口2 é ½ 🙂") == "人数统计　门口2 é ½ 🙂"


def _record(message: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, None) if error else None
    return logging.LogRecord("easyai.x", logging.ERROR, "x.py", 1, message, args, info)


def test_record_is_a_single_line_and_its_traceback_is_indented() -> None:
    line, *further = (
        LineFormatter().format(_record("why=%s", EVIL, error=ValueError(EVIL))).split("\n")
    )
    assert line.endswith(f"ERROR easyai.x: why={ESCAPED}")
    assert len(further) == 2
    assert all(line.startswith("  ") and line.isprintable() for line in further)
    assert FORGED in further[1]


def test_passwords_of_urls_are_hidden() -> None:
    error = ValueError("http://u:geheim@h/x")
    text = LineFormatter().format(_record("at %s", "https://u:geheim@h:1/x", error=error))
    assert "geheim" not in text
    assert "at https://u:********@h:1/x" in text


@pytest.mark.parametrize(
    "url", ["redis://:geheim@h/0", "amqp://u:geheim@h//", "ssl://u:geheim@h:1"]
)
def test_passwords_of_broker_urls_are_hidden(url: str) -> None:
    assert "geheim" not in LineFormatter().format(_record("no answer from %s", url))


CELERY = """
import logging
from celery.utils.log import get_task_logger
from easyai.celery import app
app.log.setup(loglevel="INFO")
get_task_logger("x").warning("%s", EVIL)
"""
OURS = """
import logging
from easyai.system import logs
logs.set_up()
"""
OUTPUT = """
logging.getLogger("easyai.x").info("%s", EVIL)
try:
    raise ValueError(EVIL)
except ValueError:
    logging.getLogger("easyai.x").exception("failed")
"""


@pytest.mark.parametrize(("set_up", "records"), [(CELERY, 3), (OURS, 2)], ids=["celery", "ours"])
def test_worker_beat_api_and_watchdog_write_clean_lines(
    set_up: str, records: int, tmp_path: Path
) -> None:
    program = f"EVIL = {EVIL!r}\n{set_up}{OUTPUT}"
    environment = {"EASYAI_DATA_DIR": str(tmp_path), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, env=environment, cwd=tmp_path, check=True)
    lines = done.stderr.decode().rstrip("\n").split("\n")
    assert all(line.isprintable() for line in lines)
    assert sum(not line.startswith("  ") for line in lines) == records
    assert not any(line.startswith(FORGED) for line in lines)
    assert sum(ESCAPED in line for line in lines) == records - 1  # not the traceback


def test_supervisor_escapes_the_output_of_children_and_its_own_log(tmp_path: Path) -> None:
    logs = ChildLogs(tmp_path, Terminal(_file(tmp_path / "terminal")))
    logs.output("worker", b"printed \x1b[2J\xe2\x80\xae\n")
    logs.log("worker is ended: \x1b[2J\nwhy")
    logs.close()
    assert (tmp_path / "worker.log").read_text() == "printed \\x1b[2J\\u202e\n"
    assert (tmp_path / "easyai.log").read_text().endswith("ended: \\x1b[2J\\nwhy\n")
    shown = (tmp_path / "terminal").read_text().rstrip("\n").split("\n")
    assert len(shown) == 2
    assert all(line.isprintable() for line in shown)


def _file(path: Path) -> int:
    import os

    return os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
