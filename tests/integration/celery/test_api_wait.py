"""A worker that starts faster than its API sends no frame before the API answers."""

from __future__ import annotations

import socket
import time

import pytest

from easyai.pipeline import intake
from easyai.process.supervisor_link import AWAIT_API_VARIABLE
from easyai.tasks import api_wait
from tests.integration.celery.conftest import MakeInstallation
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.part_process import worker
from tests.support.ports import free_port
from tests.support.waiting import wait_until

PEOPLE = "人数统计"


def test_worker_sends_no_frame_until_the_api_takes_connections(
    make_installation: MakeInstallation, algorithm: AlgorithmStub
) -> None:
    installation, port = make_installation(), free_port()
    installation.register(algorithm, PEOPLE)
    installation.add_frame(PEOPLE, "before")
    intake.scan(installation.runtime)
    names = {
        "EASYAI_CONFIG": str(installation.config),
        AWAIT_API_VARIABLE: f"127.0.0.1:{port}",
    }
    began = time.monotonic()
    with worker("waits", names):
        installation.add_frame(PEOPLE, "meanwhile")
        intake.scan(installation.runtime)
        installation.runtime.doorbell.ring_all([PEOPLE])
        time.sleep(1.5)
        if time.monotonic() - began > api_wait.LONGEST_SEC:
            pytest.skip("the machine is too slow: the worker need not wait any longer")
        assert algorithm.count == 0
        with socket.create_server(("127.0.0.1", port)):
            wait_until(lambda: algorithm.count == 2, 15, "both frames are sent")
