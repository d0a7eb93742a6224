"""A user of Redis who may do little, and nothing more than easyai needs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from easyai.broker.broker_check import BrokerCheck
from easyai.tasks.queues import queue_name
from tests.integration.celery.conftest import MakeInstallation
from tests.integration.celery.installation import wait_for_frames
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.certificates import Authority
from tests.support.redis_servers import PLAIN_PASSWORD, GuardedRedis
from tests.support.waiting import wait_until

PEOPLE = "人数统计"
_LOST = "Connection to broker lost"


@pytest.fixture
def secure(authority: Authority) -> Iterator[GuardedRedis]:
    """A Redis over TLS."""
    server = GuardedRedis(authority)
    server.start()
    yield server
    server.close()


def test_documented_rights_suffice_for_an_installation(
    make_installation: MakeInstallation,
    algorithm: AlgorithmStub,
    secure: GuardedRedis,
    authority: Authority,
) -> None:
    rights = _documented_rights()
    _grant(secure, *rights, "-brpop")
    installation = make_installation(broker_url=secure.address("easyai", authority.parameters()))
    installation.register(algorithm, PEOPLE)
    worker, beat = installation.worker(), installation.beat()
    # As long as a right is lacking the worker tries again, and neither ends nor spins.
    wait_until(lambda: worker.logs().count(_LOST) >= 2, 30, "the worker is refused")
    began, already = time.monotonic(), worker.logs().count(_LOST)
    wait_until(lambda: worker.logs().count(_LOST) >= already + 3, 30, "the worker tries again")
    assert time.monotonic() - began > 2.0
    _grant(secure, *rights)
    installation.add_frame(PEOPLE, "1")
    wait_for_frames(algorithm, 1, worker, beat)
    assert queue_name(PEOPLE) in installation.queues_of(worker)
    BrokerCheck(lambda: installation.settings).check()


def _grant(server: GuardedRedis, *rights: str) -> None:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "easyai", "reset", *rights)


def _documented_rights() -> list[str]:
    page = Path(__file__).parents[3] / "docs" / "brokers.md"
    (line,) = [line for line in page.read_text().splitlines() if line.startswith("user easyai ")]
    return line.removeprefix("user easyai ").replace("a-long-password", PLAIN_PASSWORD).split()
