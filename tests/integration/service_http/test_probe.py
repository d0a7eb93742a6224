"""A probe finds out whether a service is alive."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from easyai.domain.reason import NO_REASON, Reason
from easyai.domain.service import is_deserted
from easyai.messages.catalogue import text
from easyai.service_http import probe
from easyai.service_http.probe import probe_all
from easyai.service_http.service_networks import ServiceNetworks
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.ports import free_port


@pytest.fixture
def hanging() -> Iterator[str]:
    """A URL whose server takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/health"


def _health(stub: AlgorithmStub) -> str:
    return stub.endpoint.replace("/infer", "/health")


@pytest.mark.parametrize("status", [200, 204, 301, 401, 404, 405, 429, 501])
def test_probe_counts_any_status_below_500_and_501_as_alive(
    algorithm: AlgorithmStub, status: int
) -> None:
    algorithm.health_status = status
    assert probe_all({7: _health(algorithm)}) == {7: NO_REASON}


@pytest.mark.parametrize("status", [500, 503])
def test_probe_counts_other_statuses_from_500_as_dead(
    algorithm: AlgorithmStub, status: int
) -> None:
    algorithm.health_status = status
    assert probe_all({7: _health(algorithm)}) == {7: Reason.of("probe.status", status=status)}


def test_reason_of_a_failed_probe_names_the_error(
    hanging: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "PROBE_TIMEOUT_SEC", 0.3)
    urls = {
        1: f"http://127.0.0.1:{free_port()}/health",
        2: hanging,
        3: "http://no-such-host.invalid/health",
        4: "http://[::1",
        5: "ftp://127.0.0.1/",
    }
    answers = probe_all(urls)
    assert text(answers[1]) == "Connection refused"
    assert text(answers[2]) == "no answer within 0.3 s"
    assert all(answers.values())


def test_many_hanging_probes_cost_a_single_timeout_and_living_services_still_count(
    algorithm: AlgorithmStub, hanging: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "PROBE_TIMEOUT_SEC", 1.0)
    urls = dict.fromkeys(range(80), hanging) | {99: _health(algorithm)}
    began = time.monotonic()
    answers = probe_all(urls)
    assert time.monotonic() - began < 8
    assert [pk for pk, why in answers.items() if not why] == [99]


def test_no_urls_give_no_probe_results() -> None:
    assert probe_all({}) == {}


def test_endpoint_that_this_server_cannot_or_must_not_look_up_is_not_deserted() -> None:
    endpoints = {
        1: f"http://127.0.0.1:{free_port()}/infer",
        2: "http://no-such-host.invalid/infer",
        3: "http://192.0.2.1/infer",
    }
    answers = probe_all(endpoints, ServiceNetworks(("127.0.0.0/8",), 1))
    deserted = {pk: is_deserted(answers[pk], endpoints[pk], None) for pk in endpoints}
    assert deserted == {1: True, 2: False, 3: False}
