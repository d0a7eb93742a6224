"""The pods of the manifests work together, and are left alone while the database is away."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.production.kubernetes.node import Node
from tests.production.kubernetes.rendered import (
    ROOT,
    Manifest,
    container,
    pods,
    render,
    render_with_everything,
)
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.ports import free_port
from tests.support.services import PostgresServer, RedisServer
from tests.support.waiting import wait_until

_ROLES = ("api", "worker", "beat", "watchdog")
_OWN_ROW = ("worker", "beat", "watchdog")  # asked by their rows in the database
# The log line of a role when it does the work.
_LEADS = {"beat": " leads", "watchdog": "watchdog notifies of alarms"}


@pytest.fixture
def roles() -> dict[str, Manifest]:
    """The pods of an overlay of ours, by role."""
    return pods(render("shared-folder"))


@pytest.fixture
def node(
    tmp_path: Path, postgres_url: str, redis_url: str, roles: dict[str, Manifest]
) -> Iterator[Node]:
    """A node with a database and a broker."""
    secrets = {
        "database_url": postgres_url.replace("+psycopg", ""),
        "broker_url": redis_url,
        "secret_key": "5" * 64,
        "operator_token": "7" * 64,
        "viewer_token": "8" * 64,
    }
    made = Node(tmp_path, render("shared-folder"), secrets, free_port())
    try:
        yield made
    except BaseException:
        for log in tmp_path.glob("*.log"):
            print(log.stem, made.log(log.stem)[-3000:])
        raise
    finally:
        made.close()


def test_the_pods_infer_and_outlive_the_database(
    node: Node, roles: dict[str, Manifest], postgres_server: PostgresServer
) -> None:
    # In any order, as an apply starts them: early pods wait for the tables.
    for role in _ROLES:
        node.start(role, roles[role])
    _migrate(node, roles)
    for role in _ROLES:
        assert node.starts(role, roles[role]), node.log(role)
        _wait_until_ready(node, role, roles[role])
    with AlgorithmStub() as service:
        service.register(f"http://127.0.0.1:{node.port}")
        _put(node, 1)
        wait_until(lambda: _alerts(node) == 1, 60, "an alert")
        postgres_server.pause()  # who connects now, as a probe does, gets no answer
        try:
            _assert_left_alone(node, roles)
        finally:
            postgres_server.resume()
        postgres_server.stop()
        _assert_left_alone(node, roles)
        assert node.passes("api", roles["api"], "readinessProbe"), "it reports the error"
        postgres_server.start()
        _put(node, 2)
        wait_until(lambda: _alerts(node) == 2, 60, "inference goes on by itself")
    for role in _ROLES:
        assert node.running[role].poll() is None, node.log(role)
        # Stopped in order; uvicorn ends by the signal that it was sent.
        assert node.stop(role, roles[role]) in (0, -signal.SIGTERM), node.log(role)
    for role in _ROLES[1:]:
        assert not node.is_left_alone(role, roles[role]), "nobody is there any more"


def test_services_register_while_broker_and_store_are_away(
    node: Node, roles: dict[str, Manifest], redis_server: RedisServer
) -> None:
    _migrate(node, roles)
    node.start("api", roles["api"])
    assert node.starts("api", roles["api"]), node.log("api")
    redis_server.stop()
    node.frames.rename(node.folder / "frames of a volume that is away")
    url = f"http://127.0.0.1:{node.port}"
    wait_until(lambda: _not_ready(url) == {"broker", "store"}, 60, "both are away")
    tries = container(roles["api"])["readinessProbe"]["failureThreshold"]
    assert any(node.passes("api", roles["api"], "readinessProbe") for _ in range(tries))
    with AlgorithmStub() as service:
        service.register(url)  # both raise for any answer but 200
        service.heartbeat(url)
    redis_server.start()


def test_every_api_pod_accepts_the_viewer_token_of_the_secret(
    node: Node,
) -> None:
    closed = pods(render_with_everything("shared-folder"))
    _migrate(node, closed)
    for name in ("api", "api-2"):  # each with a data folder of its own
        node.start(name, closed["api"])
        assert node.starts(name, closed["api"]), node.log(name)
        assert [_metrics(node, token) for token in ("", "8" * 64, "9" * 64)] == [403, 200, 403]
        node.stop(name, closed["api"])


def _metrics(node: Node, token: str) -> int:
    """The status of a scrape from another machine, by a proxy's header."""
    sent = {"X-Forwarded-For": "192.0.2.7"} | (
        {"Authorization": f"Bearer {token}"} if token else {}
    )
    return requests.get(
        f"http://127.0.0.1:{node.port}/metrics", headers=sent, timeout=10
    ).status_code


def _not_ready(url: str) -> set[str]:
    checks = requests.get(f"{url}/readyz", timeout=10).json()["checks"]
    return {name for name, state in checks.items() if state != "ok"}


def test_pods_starting_without_the_database_are_not_restarted(
    node: Node, roles: dict[str, Manifest], postgres_server: PostgresServer
) -> None:
    _migrate(node, roles)
    for role in _OWN_ROW:
        reason = "the database is there, a row of this pod is not"
        assert not node.passes(role, roles[role], "startupProbe"), f"{role}: {reason}"
    postgres_server.stop()
    for role in _OWN_ROW:
        node.start(role, roles[role])
    for role in _OWN_ROW:
        assert node.starts(role, roles[role]), node.log(role)
        assert not node.passes(role, roles[role], "readinessProbe"), "it cannot work yet"
    postgres_server.start()
    for role in _OWN_ROW:
        _wait_until_ready(node, role, roles[role])
        assert node.running[role].poll() is None, node.log(role)


def test_second_pod_stands_by_until_the_node_of_the_first_pod_is_lost(
    node: Node, roles: dict[str, Manifest]
) -> None:
    _migrate(node, roles)
    names = {role: (role, f"{role}-2") for role in _LEADS}
    for role, pair in names.items():
        for name in pair:
            node.start(name, roles[role])
    for role, pair in names.items():
        for name in pair:
            assert node.starts(name, roles[role]), node.log(name)
            assert node.passes(name, roles[role], "readinessProbe"), "the database is there"
    standby = {role: _lose_leading(node, role, *pair) for role, pair in names.items()}
    for role, name in standby.items():
        _wait_for(node, name, _LEADS[role], "the pod that stood by takes over")
        assert node.passes(name, roles[role], "readinessProbe")


def _lose_leading(node: Node, role: str, first: str, second: str) -> str:
    """Lose the leading pod of two; return the name of the other pod, which stood by."""
    leads = _LEADS[role]
    wait_until(lambda: leads in node.log(first) + node.log(second), 60, f"a {role} leads")
    leading, standby = (first, second) if leads in node.log(first) else (second, first)
    _wait_for(node, standby, "stands by", "the other pod stands by")
    node.lose(leading)
    return standby


def _wait_until_ready(node: Node, role: str, pod: Manifest) -> None:
    wait_until(lambda: node.passes(role, pod, "readinessProbe"), 60, f"{role} is ready")


def _wait_for(node: Node, name: str, line: str, what: str) -> None:
    wait_until(lambda: line in node.log(name), 60, f"{name}: {what}")


def _migrate(node: Node, roles: dict[str, Manifest]) -> None:
    node.start("migrate", roles["migrate"])
    assert node.running.pop("migrate").wait(120) == 0, node.log("migrate")


def _assert_left_alone(node: Node, roles: dict[str, Manifest]) -> None:
    for role in _ROLES:
        assert node.is_left_alone(role, roles[role]), role


def _put(node: Node, number: int) -> None:
    camera = node.frames / "人数统计" / "门口"
    camera.mkdir(parents=True, exist_ok=True)
    draft = camera / f".{number}"
    draft.write_bytes((ROOT / "examples" / "street.jpg").read_bytes())
    draft.rename(camera / f"{number}.jpg")


def _alerts(node: Node) -> int:
    answer = requests.get(f"http://127.0.0.1:{node.port}/api/v1/alerts", timeout=10)
    return int(answer.json().get("total", 0))
