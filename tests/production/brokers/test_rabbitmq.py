"""RabbitMQ over TLS, with few rights, with quorum queues, and with queues of another kind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import amqp
import pytest

from easyai.broker.broker_check import BrokerCheck
from easyai.errors import BrokerUnavailableError, BusUnavailableError
from easyai.publish.bus import open_bus
from easyai.publish.bus_interface import Message
from easyai.settings.schema import AiAnalysis
from easyai.tasks.queues import queue_name
from tests.integration.celery.conftest import MakeInstallation
from tests.integration.celery.installation import CeleryProcess, Installation, wait_for_frames
from tests.production.conftest import Proves
from tests.production.proof import Proof
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.certificates import Authority
from tests.support.rabbitmq_servers import RabbitmqCluster, SecureRabbitmq
from tests.support.waiting import wait_until

PEOPLE = "人数统计"


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[SecureRabbitmq]:
    """A node for all tests, each of which has a virtual host of its own."""
    made = SecureRabbitmq(authority)
    made.start()
    yield made
    made.close()


@pytest.fixture
def host(server: SecureRabbitmq, request: pytest.FixtureRequest) -> str:
    """A fresh virtual host."""
    name = f"host{abs(hash(request.node.name))}"
    server.control("add_vhost", name)
    server.control("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
    return name


def _works(
    installation: Installation, algorithm: AlgorithmStub
) -> tuple[CeleryProcess, CeleryProcess]:
    """A worker and a beat that have sent a frame to the algorithm."""
    installation.register(algorithm, PEOPLE)
    worker, beat = installation.worker(), installation.beat()
    _frame(installation, algorithm, worker, beat)
    return worker, beat


def _frame(installation: Installation, algorithm: AlgorithmStub, *processes: CeleryProcess) -> None:
    count = algorithm.count + 1
    installation.add_frame(PEOPLE, str(count))
    wait_for_frames(algorithm, count, *processes)


def test_documented_rights_suffice_over_tls_in_a_virtual_host(
    server: SecureRabbitmq,
    host: str,
    authority: Authority,
    make_installation: MakeInstallation,
    algorithm: AlgorithmStub,
) -> None:
    server.control("add_user", "easyai", "geheim@:/")
    login = "easyai:geheim%40%3A%2F"
    address = server.address(host, authority.parameters(), login)
    installation = make_installation(broker_url=address)
    with pytest.raises(BrokerUnavailableError, match=r"refuses us.*virtual host"):
        BrokerCheck(lambda: installation.settings).check()
    rights = _documented_rights()
    server.control("set_permissions", "-p", host, "easyai", rights, rights, rights)
    BrokerCheck(lambda: installation.settings).check()
    worker, _ = _works(installation, algorithm)
    assert queue_name(PEOPLE) in installation.queues_of(worker)
    unsigned = server.address(host, authority.parameters().partition("&")[2], login)
    with pytest.raises(BrokerUnavailableError, match="certificate that is not trusted"):
        BrokerCheck(lambda: make_installation(broker_url=unsigned).settings).check()


def _documented_rights() -> str:
    page = (Path(__file__).parents[3] / "docs" / "brokers.md").read_text()
    return page.partition("rabbitmqctl set_permissions easyai '")[2].partition("'")[0]


def test_alerts_go_over_tls_only_to_a_rabbitmq_with_a_trusted_certificate(
    server: SecureRabbitmq, host: str, authority: Authority
) -> None:
    def bus(parameters: str) -> AiAnalysis:
        address = server.address(host, parameters)
        return AiAnalysis(mq_type="rabbitmq", mq_address=address)

    good = open_bus(bus(authority.parameters()))
    good.check()
    assert good.send([Message(1, PEOPLE, "门口1", b"{}")]).acknowledged == [1]
    good.close()
    bad = open_bus(bus(authority.parameters().partition("&")[2]))
    with pytest.raises(BusUnavailableError, match="certificate verify failed"):
        bad.check()
    bad.close()


@pytest.mark.parametrize("default", ["classic", "quorum"])
def test_existing_queues_of_another_type_are_used_unchanged(
    server: SecureRabbitmq,
    host: str,
    authority: Authority,
    make_installation: MakeInstallation,
    algorithm: AlgorithmStub,
    default: str,
) -> None:
    """Classic queues of an old installation, and quorum queues without a setting."""
    other = "quorum" if default == "classic" else "classic"
    with amqp.Connection(f"127.0.0.1:{server.port}", virtual_host=host) as connection:
        connection.connect()
        for name in ("easyai", queue_name(PEOPLE)):
            arguments = {"x-queue-type": default}
            connection.channel().queue_declare(
                name, durable=True, auto_delete=False, arguments=arguments
            )
    parameters = f"{authority.parameters()}&queue_type={other}"
    installation = make_installation(broker_url=server.address(host, parameters))
    worker, beat = _works(installation, algorithm)
    warning = f"queue {queue_name(PEOPLE)} stays as it is"
    assert warning in worker.logs()
    assert f"rabbitmqctl delete_queue {queue_name(PEOPLE)}" in worker.logs()
    assert "Connection to broker lost" not in worker.logs() + beat.logs()


def test_a_virtual_host_whose_queues_are_quorum_queues_needs_no_setting(
    server: SecureRabbitmq,
    authority: Authority,
    make_installation: MakeInstallation,
    algorithm: AlgorithmStub,
) -> None:
    server.control("add_vhost", "replicated", "--default-queue-type", "quorum")
    server.control("set_permissions", "-p", "replicated", "guest", ".*", ".*", ".*")
    address = server.address("replicated", authority.parameters())
    installation = make_installation(broker_url=address)
    worker, _ = _works(installation, algorithm)
    assert server.queue_types("replicated")[queue_name(PEOPLE)] == "quorum"
    assert queue_name(PEOPLE) in installation.queues_of(worker)


def test_foreign_messages_in_rabbitmq_do_not_end_a_worker(
    server: SecureRabbitmq,
    host: str,
    authority: Authority,
    make_installation: MakeInstallation,
    algorithm: AlgorithmStub,
) -> None:
    address = server.address(host, authority.parameters())
    installation = make_installation(broker_url=address)
    worker, beat = _works(installation, algorithm)
    with amqp.Connection(f"127.0.0.1:{server.port}", virtual_host=host) as connection:
        connection.connect()
        channel = connection.channel()
        for queue in ("easyai", queue_name(PEOPLE)):
            for message in (
                amqp.Message(b""),
                amqp.Message(b"\xff\xfe", content_type="application/json"),
                amqp.Message(b"{}", content_type="application/json"),
                amqp.Message(b"x", content_type="application/x-python-serialize"),
                amqp.Message(
                    b"[[], {}, null]",
                    content_type="application/json",
                    content_encoding="utf-8",
                    application_headers={"task": "foreign.task", "id": "stranger"},
                ),
            ):
                channel.basic_publish(message, exchange="", routing_key=queue)
    wait_until(lambda: worker.logs().count("foreign.task") >= 2, 20, "they are thrown away")
    _frame(installation, algorithm, worker, beat)
    assert (worker.status, beat.status) == ("running", "running")
    assert "Connection to broker lost" not in worker.logs()


def test_inference_goes_on_after_a_cluster_loses_the_connected_node(
    make_installation: MakeInstallation, algorithm: AlgorithmStub, proves: Proves
) -> None:
    cluster = RabbitmqCluster()
    try:
        cluster.start()
        installation = make_installation(broker_url=cluster.address("queue_type=quorum"))
        worker, beat = _works(installation, algorithm)
        types = cluster.nodes[0].queue_types()
        assert (types["easyai"], types[queue_name(PEOPLE)]) == ("quorum", "quorum")
        algorithm.delay = 2.0
        installation.add_frame(PEOPLE, "in flight")
        wait_until(lambda: algorithm.running == 1, 30, "in flight")
        cluster.nodes[0].kill()
        killed_at = time.monotonic()
        algorithm.delay = 0.0
        for _ in range(3):
            _frame(installation, algorithm, worker, beat)
        BrokerCheck(lambda: installation.settings).check()
        wait_until(lambda: installation.alerts() == 5, 15, "an alert each")
        fault = "the node killed that everybody is connected to, with a frame in flight"
        proves(Proof("RabbitMQ, 3 nodes, quorum queues", fault, 5, time.monotonic() - killed_at))
        assert (worker.status, beat.status) == ("running", "running")
    finally:
        cluster.close()
