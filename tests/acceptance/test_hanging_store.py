"""A store whose calls never return does not hold up a stop."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from tests.support import hanging_store
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.easyai_process import EasyaiProcess
from tests.support.outside import Outside
from tests.support.part_process import clean_environment
from tests.support.waiting import wait_until

DRAIN_SEC = 15  # easyai.tasks.process.DRAIN_TIMEOUT_SEC
FEW_SEC = 5


@pytest.fixture
def easyai(tmp_path: Path) -> Iterator[EasyaiProcess]:
    (stub,) = hanging_store.__path__
    environment = {
        "PYTHONPATH": f"{stub}{os.pathsep}{clean_environment({})['PYTHONPATH']}",
        "EASYAI_TEST_HANG": str(tmp_path / "hang"),
        "EASYAI_TEST_HANG_BELOW": str(tmp_path / "snapshots"),
    }
    with EasyaiProcess(tmp_path, environment=environment) as easyai:
        easyai.start(timeout=120)
        yield easyai


def _work_begins(easyai: EasyaiProcess, algorithm: AlgorithmStub) -> Outside:
    site = Outside(easyai.url, easyai.frames)
    algorithm.register(site.url)
    site.put_many(5, "人数统计")
    wait_until(lambda: site.get("/alerts")["total"] == 5, 30, "five alerts")
    return site


def _hang(easyai: EasyaiProcess) -> None:
    (easyai.folder / "hang").touch()
    time.sleep(3)  # a scan at least is caught in it


def test_processes_end_within_their_drain_time_while_their_store_hangs(
    easyai: EasyaiProcess, algorithm: AlgorithmStub
) -> None:
    site = _work_begins(easyai, algorithm)
    link = site.get("/alerts")["items"][0]["image_url"]
    _hang(easyai)
    with pytest.raises(requests.Timeout):  # the picture's bytes never come
        requests.get(link, timeout=1)
    for name in ("api", "worker"):
        _end_within_its_drain_time(easyai, name)


def _end_within_its_drain_time(easyai: EasyaiProcess, name: str) -> None:
    pid = easyai.child(name)
    assert pid
    os.kill(pid, signal.SIGTERM)  # as systemd does; `easyai up` would help with SIGKILL later
    wait_until(lambda: pid not in easyai.processes(), DRAIN_SEC + FEW_SEC, f"{name} has ended")


def test_easyai_up_stops_normally_while_its_store_hangs(
    easyai: EasyaiProcess, algorithm: AlgorithmStub
) -> None:
    _work_begins(easyai, algorithm)
    _hang(easyai)
    began = time.monotonic()
    easyai.stop(signal.SIGTERM, timeout=60)
    # The processes stop in sequence; the worker alone has a drain time.
    assert time.monotonic() - began < DRAIN_SEC + 4 * FEW_SEC
    with closing(sqlite3.connect(easyai.data / "easyai.db")) as database:
        # A process that ends normally removes its row and returns its leases.
        assert database.execute("SELECT name FROM processes").fetchall() == []
