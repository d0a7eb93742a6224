"""Similar faults are distinguished, and no fault is reported for too long."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import pytest

from easyai.db import events
from easyai.db.events import Event
from easyai.diagnosis.report.as_markdown import markdown
from easyai.domain.reason import quoted
from easyai.messages.catalogue import text
from easyai.registry import registration
from easyai.service_http import probe
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import codes, happened, look, processes_work
from tests.support.site import TYPE, Installation


@pytest.fixture
def busy_endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The endpoint of a server that takes connections and has no time to answer."""
    monkeypatch.setattr(probe, "PROBE_TIMEOUT_SEC", 0.3)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/infer"


def _register(site: Installation, endpoint: str) -> None:
    body = {"service_id": "yolo", "task_types": [TYPE], "endpoint": endpoint}
    registration.register(site.runtime, body)


@pytest.mark.parametrize("probes", [True, False])
def test_killed_services_count_as_died_before_a_heartbeat_is_overdue(
    site: Installation, algorithm: AlgorithmStub, probes: bool
) -> None:
    site.register(algorithm)
    loop = site.loop()
    site.put_many(3)
    site.work(loop)
    algorithm.stop()
    site.put_many(6, camera="门口2")
    site.scan()
    loop.pump(TYPE, 1.0)
    processes_work(site)

    diagnosis = look(site, probes=probes)
    assert codes(diagnosis) == ["services_died"]
    assert "no heartbeat has come since" in text(diagnosis.causes[0].title)
    assert "Connection refused" in markdown(diagnosis)
    assert "：有应答" not in markdown(diagnosis, "zh"), "nobody answers"

    # With a later heartbeat the service is known to live, somewhere.
    site.execute("UPDATE services SET last_heartbeat = last_success_at + 20")
    assert codes(look(site, probes=probes)) == ["endpoint_unreachable"]


@pytest.mark.parametrize("silent", [False, True])
def test_busy_service_that_answers_no_probe_is_not_dead_or_unreachable(
    site: Installation, busy_endpoint: str, silent: bool
) -> None:
    _register(site, busy_endpoint)
    site.execute("UPDATE services SET last_success_at = :now", now=time.time())
    if silent:
        site.execute("UPDATE services SET last_heartbeat = last_heartbeat - 900")
    processes_work(site)
    assert codes(look(site)) == (["heartbeats_not_arriving"] if silent else [])

    site.execute("UPDATE services SET last_success_at = 0")
    assert codes(look(site)) == (["services_died"] if silent else ["inference_hangs"])


def test_service_with_hanging_calls_and_probes_is_the_cause_inference_hangs(
    site: Installation, busy_endpoint: str
) -> None:
    _register(site, busy_endpoint)
    site.execute(
        "UPDATE services SET last_failure_reason_code = 'call.timed_out', last_failure_at = :now",
        now=time.time(),
    )
    processes_work(site)
    assert codes(look(site)) == ["inference_hangs"], "and no firewall is to blame"


def test_error_text_no_answer_within_30_s_of_a_service_is_no_timeout(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    processes_work(site)
    error = "no answer within 30 s; its picture link does not work here either"
    site.execute(
        "UPDATE services SET last_failure_reason_code = 'call.http_error',"
        " last_failure_reason_args = :args, last_failure_at = :now",
        args=json.dumps({"error": error, "status": 500}),
        now=time.time(),
    )
    (cause,) = look(site).causes
    assert cause.code == "inference_fails"
    assert f"HTTP 状态码 500：{error}" in text(cause.title, "zh"), "what it says is not translated"


def test_old_timeout_of_a_service_without_frames_is_no_cause(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    now = time.time()
    site.execute(
        "UPDATE services SET last_failure_reason_code = 'call.timed_out', breaker_failures = 3,"
        " last_failure_at = :failed, breaker_open_until = :failed + 5, breaker_pause_sec = 5",
        failed=now - 30,
    )
    processes_work(site)
    assert codes(look(site)) == ["inference_hangs"]
    site.execute("UPDATE services SET last_failure_at = :failed", failed=now - 90)
    assert look(site).well, "nothing is wrong with it as far as anybody knows"


def test_report_is_written_when_no_probe_could_be_made_in_time(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.register(algorithm)
    processes_work(site)
    monkeypatch.setattr(probe, "ROUND_LIMIT_SEC", -1.0)
    diagnosis = look(site)
    assert (diagnosis.facts.own_api, diagnosis.facts.probes) == (None, {})


def test_repeated_takeovers_of_an_endpoint_are_a_single_timeline_event(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    for number in range(40):
        body = {
            "service_id": f"yolo_{number % 2}",
            "task_types": [TYPE],
            "endpoint": algorithm.endpoint,
        }
        registration.register(site.runtime, body)
    with site.runtime.db.read() as conn:
        timeline = events.between(conn, 0, time.time(), 1000)
    assert len([event for event in timeline if event.kind == "service_replaced"]) == 1


@pytest.mark.parametrize("over", [False, True])
def test_alarms_raised_together_are_one_report_line_with_service_names(
    site: Installation, over: bool
) -> None:
    raised = float(int(time.time()) - 60)
    for port in range(7901, 7913):
        endpoint = f"http://127.0.0.1:{port}/infer"
        body = {"service_id": f"yolo_{port}", "task_types": [TYPE], "endpoint": endpoint}
        registration.register(site.runtime, body)
        site.execute(
            "INSERT INTO alarms (kind, subject, cause, raised_at, told_at, over_at) VALUES"
            " ('service_offline', :endpoint, 'services_died', :at, :at, :over)",
            endpoint=endpoint,
            at=raised,
            over=raised + 30 if over else None,
        )
        subject, text = f"service_offline {endpoint}", "algorithm service offline: " + "x" * 400
        happened(site, Event(raised, "alarm_raised", subject, quoted(text)))
    report = markdown(look(site, probes=False), "zh")
    lines = [line for line in report.splitlines() if "服务离线 yolo_7901..7912" in line]
    assert len(lines) == 2, "one of the timeline, one of the alarms"
    assert all("算法服务停止运行" in line and "12 × " in line for line in lines)
    assert all(len(line) < 120 for line in lines)
