"""Silence that is our own fault: downtime, a clock that jumps, an unreachable API."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from easyai.db import clock
from easyai.domain.reason import NO_REASON
from easyai.messages.catalogue import text
from easyai.registry.watch import SteadyClock, record_check
from easyai.service_http import probe
from easyai.service_http.probe import probe_all
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.clocks import let_pass, step_clocks
from tests.support.ports import free_port
from tests.support.site import Installation, Row

HOUR = 3600.0


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds by which all clocks are off; changed in place."""
    return step_clocks(monkeypatch)


@pytest.fixture
def four(site: Installation) -> list[int]:
    """Four services that answer no probe."""
    return [site.register(AlgorithmStub(f"s{number}", port=free_port())) for number in range(4)]


def _states(site: Installation) -> list[str]:
    return [row["state"] for row in site.rows("SELECT state FROM services ORDER BY pk")]


def _events(site: Installation, kind: str) -> list[Row]:
    return site.rows("SELECT * FROM events WHERE kind = :kind ORDER BY id", kind=kind)


def _silent(site: Installation, pks: list[int], seconds: float = 61.0) -> None:
    for pk in pks:
        site.execute(
            "UPDATE services SET last_evidence = :at, last_heartbeat = :at WHERE pk = :pk",
            at=time.time() - seconds,
            pk=pk,
        )


@pytest.fixture
def four_living(site: Installation) -> Iterator[list[int]]:
    """Four services that answer probes."""
    stubs = [AlgorithmStub(f"s{number}").start() for number in range(4)]
    yield [site.register(stub) for stub in stubs]
    for stub in stubs:
        stub.stop()


def test_live_services_silent_together_point_at_this_server(
    site: Installation, four_living: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    _silent(site, four_living[:3])
    assert sweep(site.runtime).lapsed == 3
    assert "many live services silent at once" in caplog.text
    back = [event["text"] for event in _events(site, "service_online")]
    assert len(back) == 3
    assert "a probe was answered; 3 of 4 services at once, so look at this server first" in back[0]
    assert "(its API answers at http://127.0.0.1:" in back[0]
    assert site.service(four_living[0])["state_reason"] == "a probe was answered"
    (suspect, *_) = _events(site, "service_suspect")
    assert suspect["text"] == "service_id=s0: no heartbeat for 61 s; 3 of 4 services at once"


def test_dead_services_silent_together_do_not_point_at_this_server(
    site: Installation, four: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    _silent(site, four)
    assert sweep(site.runtime).lapsed == 4
    assert sweep(site.runtime).offline == 4
    assert "look at this server" not in caplog.text
    texts = [event["text"] for event in site.rows("SELECT text FROM events")]
    assert any("no heartbeat for 61 s; 4 of 4 services at once" in text for text in texts)
    assert not any("look at this server" in text for text in texts)


def test_unreachable_own_api_is_named_when_services_fall_silent(
    site: Installation, four_living: list[int]
) -> None:
    site.public_url = f"http://127.0.0.1:{free_port()}"
    site.configure()
    _silent(site, four_living)
    sweep(site.runtime)
    (event, *_) = _events(site, "service_online")
    assert "its API does not answer" in event["text"]
    assert "Connection refused)" in event["text"]


def test_silence_of_half_of_the_services_points_at_the_services(
    site: Installation, four: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    _silent(site, four[:2])
    assert sweep(site.runtime).lapsed == 2
    assert site.service(four[0])["state_reason"] == "probe failed: Connection refused"
    assert "many live services silent at once" not in caplog.text


def test_silence_while_this_server_was_down_counts_against_no_service(
    site: Installation, four: list[int], step: list[float]
) -> None:
    sweep(site.runtime)
    _silent(site, four, HOUR)
    site.execute("UPDATE process_leases SET done_at = done_at - 3600")
    restarted = site.open()
    for passed in (0.0, 15.0, 15.0, 15.0):
        let_pass(step, restarted, passed)
        assert sweep(restarted).lapsed == 0
    let_pass(step, restarted, 17.0)
    assert sweep(restarted).lapsed == 4, "then they had their time"


def test_clock_set_back_while_no_process_ran_counts_against_no_service(
    site: Installation, four: list[int], step: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    step[0] = HOUR
    sweep(site.runtime)
    step[0] = 0.0
    assert sweep(site.open()).lapsed == 0
    assert "was set back by 60 min: the silence of services until now is no" in caplog.text


@pytest.mark.parametrize("hours", [1.0, -1.0])
def test_clock_jump_in_either_direction_makes_no_service_suspect(
    site: Installation, four: list[int], step: list[float], hours: float
) -> None:
    sweep(site.runtime)
    for jump in (hours, 0.0):
        step[0] = jump * HOUR
        for _ in range(3):
            assert sweep(site.runtime).lapsed == 0
        site.execute("UPDATE services SET last_evidence = :now", now=time.time())
    assert _states(site) == ["online"] * 4
    whose = "this server" if site.runtime.db.is_sqlite else "the database"
    assert [event["text"] for event in _events(site, "clock_jump")] == [
        f"the clock of {whose} jumped by {60 * hours:+.0f} min",
        f"the clock of {whose} jumped by {-60 * hours:+.0f} min",
    ]


def test_breaker_opened_while_the_clock_was_ahead_gets_its_trial_once_it_is_corrected(
    site: Installation, algorithm: AlgorithmStub, step: list[float]
) -> None:
    site.register(algorithm)
    sweep(site.runtime)
    step[0] = HOUR
    sweep(site.runtime)
    site.execute(
        "UPDATE services SET breaker_failures = 3, breaker_open_until = :at, breaker_pause_sec = 5",
        at=time.time() + 5,
    )
    step[0] = 0.0
    sweep(site.runtime)
    site.record(2)
    assert len(site.lease(now=time.time() + 0.1).frames) == 1


def test_forward_jump_ends_leases_of_a_dead_worker_only(
    site: Installation, algorithm: AlgorithmStub, step: list[float]
) -> None:
    site.register(algorithm)
    site.record(3)
    sweep(site.runtime)
    assert len(site.lease().frames) == 3
    step[0] = HOUR
    assert sweep(site.runtime).expired_leases == 0
    let_pass(step, site.runtime, 16)
    assert sweep(site.runtime).expired_leases == 3
    (event,) = _events(site, "leases_expired")
    assert event["text"].startswith("3 frames wait again")


def test_a_jump_before_the_first_sweep_of_a_process_ends_no_lease_of_a_living_worker(
    site: Installation, step: list[float]
) -> None:
    site.register(AlgorithmStub())
    site.record(1)
    sweep(site.runtime)
    other = site.open()
    other.part(SteadyClock)  # a worker makes it as it starts
    assert len(site.lease(now=site.runtime.db.estimated_now()).frames) == 1
    step[0] = HOUR
    assert sweep(other).expired_leases == 0
    assert [event["kind"] for event in _events(site, "clock_jump")] == ["clock_jump"]


@pytest.mark.parametrize("swept", [True, False])
def test_jump_shorter_than_the_sweep_interval_ends_no_lease(
    site: Installation, step: list[float], swept: bool
) -> None:
    site.configure(lease_sec=3.0)
    site.register(AlgorithmStub())
    site.record(1)
    site.runtime.part(SteadyClock)
    if swept:
        sweep(site.runtime)
    assert len(site.lease(now=site.runtime.db.estimated_now()).frames) == 1
    step[0] = 10.0
    assert sweep(site.runtime).expired_leases == 0


def test_delayed_sweep_sees_no_clock_jump(site: Installation) -> None:
    with site.runtime.db.write() as conn:
        held_up = record_check(conn, site.runtime, clock.now(conn) - 8.0)
        after = record_check(conn, site.runtime, clock.now(conn))
    assert (held_up.jump_sec, after.jump_sec) == (0.0, 0.0)


def test_leases_of_a_server_that_was_down_end_at_once(
    site: Installation, algorithm: AlgorithmStub, step: list[float]
) -> None:
    site.register(algorithm)
    site.record(3)
    sweep(site.runtime)
    site.lease()
    step[0] = HOUR  # a process that starts now has seen no jump
    assert sweep(site.open()).expired_leases == 3


def test_hanging_name_look_up_delays_no_probe_round(monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = socket.getaddrinfo
    over = time.monotonic() + 6.0

    def hanging(host: str, *rest: object, **named: object) -> object:
        if host.endswith(".hang.test"):
            while time.monotonic() < over:
                time.sleep(0.05)
            raise socket.gaierror("no answer")
        return look_up(host, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    monkeypatch.setattr(probe, "PROBE_TIMEOUT_SEC", 0.5)
    with AlgorithmStub("alive") as alive:
        urls = {number: f"http://{number}.hang.test:1/health" for number in range(20)}
        urls[99] = f"http://localhost:{alive.port}/health"
        began = time.monotonic()
        answers = probe_all(urls)
        assert time.monotonic() - began < 3
    assert answers[99] == NO_REASON
    assert {text(answers[number]) for number in range(20)} == {"no answer within 0.5 s"}


def test_probe_round_ends_in_time_and_leaves_out_services_not_probed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probe, "PROBE_TIMEOUT_SEC", 0.3)
    monkeypatch.setattr(probe, "ROUND_LIMIT_SEC", 0.4)
    monkeypatch.setattr(probe, "_AT_ONCE", 10)
    with socket.create_server(("127.0.0.1", 0), backlog=200) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/health"
        answers = probe_all(dict.fromkeys(range(60), url))
    assert 10 <= len(answers) <= 20
    assert set(map(text, answers.values())) == {"no answer within 0.3 s"}
