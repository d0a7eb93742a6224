"""Services that misbehave: their frames go to the other service, and every view shows why."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Callable

import pytest

from easyai.domain import breaker
from easyai.registry.views import service_list
from tests.support import raw_service
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.ports import free_port
from tests.support.raw_service import RawService, answer
from tests.support.site import Installation
from tests.support.waiting import wait_until

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)

GOOD = b'{"success": true, "result": {"total_count": 1}}'
REFUSAL = b'{"success": false, "error": "no algo_config.json", "inference_time_ms": 0}'
TIMEOUT_SEC = 1.5
MB = 1_000_000


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "FIRST_PAUSE_SEC", 30.0)


def _endless(start: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + start)
        while True:
            connection.sendall(b" " * 65536)

    return talk


def _sends(data: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(data)


def _loop(connection: socket.socket) -> None:
    connection.sendall(
        answer(b"", status="307 Again", head="Location: /infer\r\nConnection: close\r\n")
    )


def _hangs(connection: socket.socket) -> None:
    time.sleep(4.0)


def _slow(connection: socket.socket) -> None:
    time.sleep(2.0)
    connection.sendall(answer(GOOD))


def _fails_without_end(connection: socket.socket) -> None:
    connection.sendall(answer(b'{"success": ', length=100, status="500 Oops"))
    time.sleep(4.0)


def _drips(connection: socket.socket) -> None:
    raw_service.drip(connection, answer(GOOD), 0.1)


# How a service misbehaves, and the reason in its row then.
MISBEHAVIOUR: dict[str, tuple[Callable[[socket.socket], None], str]] = {
    "hangs": (_hangs, "no answer within 1.5 s"),
    "slow": (_slow, "no answer within 1.5 s"),
    "nonsense JSON": (_sends(answer(b'{"ok": tru')), "not JSON"),
    "another JSON": (_sends(answer(b'{"code": 0}')), "no field 'success'"),
    "500": (_sends(answer(b"oops", status="500 Oops")), "HTTP status 500"),
    "500 as field clients send it": (
        _sends(answer(REFUSAL, status="500 Oops")),
        "HTTP status 500: no algo_config.json",
    ),
    "500 with an endless explanation": (_fails_without_end, "HTTP status 500"),
    "HTML with 200": (_sends(answer(b"<html>Login</html>")), "not JSON: 18 bytes"),
    "1 MB of garbage": (_sends(answer(b"\x7f\x02" * (MB // 2))), "not JSON"),
    "endless garbage": (_endless(b"garbage"), "not JSON"),
    "an endless body": (_endless(b'{"success": true, "x": "'), "larger than 4.0 MB"),
    "half a body": (
        _sends(answer(GOOD[:20], length=len(GOOD))),
        "closed before the answer was complete",
    ),
    "a redirect loop": (_loop, "HTTP status 307, redirects are not followed"),
    "closes at once": (lambda connection: None, "closed before the answer was complete"),
    "drips": (_drips, "no answer within 1.5 s"),
    "content-length too small": (_sends(answer(GOOD, length=20)), "the answer is not HTTP"),
    "content-length too large": (
        _sends(answer(GOOD, length=9999)),
        "closed before the answer was complete",
    ),
    "TLS on a plain port": (_sends(b"\x15\x03\x03\x00\x02\x02\x32"), "the answer is not HTTP"),
}


def _listed(site: Installation, service_id: str) -> dict[str, object]:
    entries = service_list(site.runtime, everything=True)["services"]
    (entry,) = [entry for entry in entries if entry["service_id"] == service_id]
    return dict(entry)


def _assert_all_go_to_the_other(site: Installation, good: AlgorithmStub, bad_pk: int) -> None:
    site.configure(infer_timeout_sec=TIMEOUT_SEC)
    site.put_many(16)
    loop = site.loop()
    site.work(loop)
    wait_until(lambda: site.count("leased") == 0, 5, "the last call is settled")
    assert [alert["algorithm_id"] for alert in site.alerts()] == ["good"] * 16
    assert {frame["outcome"] for frame in site.frames()} == {"alert"}
    row = site.service(bad_pk)
    assert row["breaker_failures"] >= 3
    assert row["breaker_open_until"] > time.time()
    site.put_many(8, camera="门口2")
    site.work(loop)
    assert site.service(bad_pk)["call_count"] == row["call_count"], "nothing goes there any more"
    assert good.count >= 24


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_frames_of_a_misbehaving_service_go_to_the_other_service_with_a_reason(
    site: Installation, name: str
) -> None:
    talk, reason = MISBEHAVIOUR[name]
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with AlgorithmStub("good") as good, RawService("bad", talk) as bad:
        site.register(good)
        pk = site.register(bad.face)
        _assert_all_go_to_the_other(site, good, pk)
        shown = _listed(site, "bad")
        assert (shown["state"], shown["breaker"]) == ("online", "open")
        assert reason in str(shown["last_failure"])
        assert abs(time.time() - int(str(shown["last_failure_at"]))) < 30
        (opened,) = site.rows("SELECT subject, text FROM events WHERE kind = 'breaker_open'")
        assert opened["subject"] == bad.face.endpoint
        assert reason in opened["text"]
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    assert grown_kb < 150_000, "memory is bounded whatever is sent"


class _SecureStub(AlgorithmStub):
    @property
    def endpoint(self) -> str:
        """TLS where there is none."""
        return super().endpoint.replace("http:", "https:")


def test_refused_connection_and_tls_to_a_plain_port_are_named_as_reasons(
    site: Installation,
) -> None:
    with AlgorithmStub("good") as good, RawService("plain", _sends(answer(GOOD))) as plain:
        site.register(good)
        gone = site.register(AlgorithmStub("gone", port=free_port()))
        secure = _SecureStub("secure", port=plain.port)
        pk = site.register(secure)
        _assert_all_go_to_the_other(site, good, gone)
    assert site.service(gone)["last_failure_reason"] == "cannot connect: Connection refused"
    assert "TLS: " in site.service(pk)["last_failure_reason"]
