"""Redis with Sentinels: the primary dies or is swapped, and frames go on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from easyai.broker.broker_check import BrokerCheck
from easyai.errors import BrokerUnavailableError
from easyai.publish.bus import open_bus
from easyai.publish.bus_interface import Message
from easyai.settings.schema import AiAnalysis
from easyai.settings.source import SettingsSource
from easyai.tasks.queues import queue_name
from tests.integration.celery.conftest import MakeInstallation
from tests.integration.celery.installation import wait_for_frames
from tests.production.conftest import Proves
from tests.production.effort import in_full
from tests.production.proof import Proof
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.certificates import Authority
from tests.support.redis_servers import MASTER, PASSWORD, Watched
from tests.support.waiting import wait_until

PEOPLE = "人数统计"
DAMAGED = [b"", b'{"body": "W', b"\0" * 512, b"[]", b'{"properties": {}}']


@pytest.fixture(params=[in_full("plain"), "TLS"])
def watched(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Watched]:
    """A primary, a replica and three Sentinels."""
    servers = Watched(authority if request.param == "TLS" else None)
    servers.start()
    yield servers
    servers.close()


def test_frames_go_on_when_the_primary_dies_and_each_has_a_single_alert(
    watched: Watched,
    make_installation: MakeInstallation,
    algorithm: AlgorithmStub,
    proves: Proves,
    request: pytest.FixtureRequest,
) -> None:
    installation = make_installation(broker_url=watched.full_address)
    installation.register(algorithm, PEOPLE)
    worker, beat = installation.worker(), installation.beat()
    installation.add_frame(PEOPLE, "1")
    wait_for_frames(algorithm, 1, worker, beat)
    BrokerCheck(lambda: installation.settings).check()
    assert queue_name(PEOPLE) in installation.queues_of(worker)
    asked = installation.run_celery("-A", "easyai", "inspect", "ping")
    assert "1 node online" in asked.stdout, asked.stdout + asked.stderr

    with watched.primary().client() as client:
        client.lpush(queue_name(PEOPLE), *DAMAGED)
    wait_until(lambda: worker.logs().count("damaged message") == len(DAMAGED), 15, "thrown away")

    algorithm.delay = 2.0
    installation.add_frame(PEOPLE, "2")
    wait_until(lambda: algorithm.running == 1, 30, "in flight")
    port = watched.primary_port()
    watched.primary().kill()
    watched.sentinels[0].kill()  # the first of the address
    algorithm.delay = 0.0
    for name in "345":
        installation.add_frame(PEOPLE, name)
    wait_for_frames(algorithm, 5, worker, beat)
    watched.sentinels[0].start()
    watched.wait_for_other_than(port)
    BrokerCheck(lambda: installation.settings).check()
    for server in watched.servers:
        server.start()
    watched.wait_until_complete()
    watched.fail_over()  # on request, as before an upgrade: nothing dies
    installation.add_frame(PEOPLE, "6")
    wait_for_frames(algorithm, 6, worker, beat)
    wait_until(lambda: installation.alerts() == 6, 15, "an alert each")
    assert (worker.status, beat.status) == ("running", "running")
    over = ", over TLS" if "TLS" in request.node.name else ""
    fault = f"primary and a Sentinel killed with a frame in flight, then failover on request{over}"
    proves(Proof("Redis with Sentinels", fault, 6))


@pytest.mark.parametrize("watched", ["TLS"], indirect=True)
def test_alerts_go_on_when_the_primary_dies(watched: Watched) -> None:
    bus = open_bus(AiAnalysis(mq_type="redis", mq_address=watched.full_address, mq_topic="t"))
    bus.check()
    assert bus.send([Message(1, PEOPLE, "门口1", b'{"id": 1}')]).acknowledged == [1]
    port = watched.primary_port()
    with watched.primary().client() as client:
        client.wait(1, 5000)
    watched.primary().kill()
    assert bus.send([Message(2, PEOPLE, "门口1", b'{"id": 2}')]).trouble
    watched.wait_for_other_than(port)
    message = Message(2, PEOPLE, "门口1", b'{"id": 2}')
    wait_until(lambda: bus.send([message]).acknowledged == [2], 30, "the other takes it")
    bus.check()
    bus.close()
    with watched.primary().client() as client:
        entries = client.xrange("t")
    assert [json.loads(entry[b"alert"])["id"] for _, entry in entries] == [1, 2]


@pytest.mark.parametrize("watched", ["TLS"], indirect=True)
def test_faults_of_sentinels_are_reported(
    watched: Watched, make_installation: MakeInstallation
) -> None:
    address = watched.full_address
    wrong = {
        address.replace(f"master_name={MASTER}", "master_name=other"): "no Sentinel names a Redis",
        address.replace(
            f"sentinel_password={PASSWORD}", "sentinel_password=x"
        ): "no Sentinel names a Redis",
        address.replace(f":{PASSWORD}@", ":x@"): "refuses us",
    }
    for url, message in wrong.items():
        installation = make_installation(broker_url=url)
        with pytest.raises(BrokerUnavailableError, match=message) as caught:
            BrokerCheck(SettingsSource(installation.config).current).check()
        assert "object at" not in str(caught.value)
