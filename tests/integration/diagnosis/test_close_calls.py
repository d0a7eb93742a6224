"""Facts that look alike for a minute, or for ever, are told apart, and none is told too long."""

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
def one_thing_at_a_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The endpoint of a server that takes connections and has no time to answer."""
    monkeypatch.setattr(probe, "PROBE_TIMEOUT_SEC", 0.3)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/infer"


def _register(site: Installation, endpoint: str) -> None:
    body = {"service_id": "yolo", "task_types": [TYPE], "endpoint": endpoint}
    registration.register(site.runtime, body)


@pytest.mark.parametrize("probes", [True, False])
def test_services_killed_a_moment_ago_died_though_no_heartbeat_is_overdue(
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

    # One heartbeat later it is known to live, somewhere.
    site.execute("UPDATE services SET last_heartbeat = last_success_at + 20")
    assert codes(look(site, probes=probes)) == ["endpoint_unreachable"]


@pytest.mark.parametrize("silent", [False, True])
def test_a_service_too_busy_for_probes_is_neither_dead_nor_out_of_reach(
    site: Installation, one_thing_at_a_time: str, silent: bool
) -> None:
    _register(site, one_thing_at_a_time)
    site.execute("UPDATE services SET last_success_at = :now", now=time.time())
    if silent:
        site.execute("UPDATE services SET last_heartbeat = last_heartbeat - 900")
    processes_work(site)
    assert codes(look(site)) == (["heartbeats_not_arriving"] if silent else [])

    site.execute("UPDATE services SET last_success_at = 0")
    assert codes(look(site)) == (["services_died"] if silent else ["inference_hangs"])


def test_a_service_whose_calls_and_probes_hang_hangs(
    site: Installation, one_thing_at_a_time: str
) -> None:
    _register(site, one_thing_at_a_time)
    site.execute(
        "UPDATE services SET last_failure_reason_code = 'call.timed_out', last_failure_at = :now",
        now=time.time(),
    )
    processes_work(site)
    assert codes(look(site)) == ["inference_hangs"], "and no firewall is to blame"


def test_a_service_that_says_no_answer_within_30_s_hangs_no_more_than_any_that_fails(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    processes_work(site)
    said = "no answer within 30 s; its picture link does not work here either"
    site.execute(
        "UPDATE services SET last_failure_reason_code = 'call.http_error',"
        " last_failure_reason_args = :args, last_failure_at = :now",
        args=json.dumps({"error": said, "status": 500}),
        now=time.time(),
    )
    (cause,) = look(site).causes
    assert cause.code == "inference_fails"
    assert f"HTTP 状态码 500：{said}" in text(cause.title, "zh"), "what it says is not translated"


def test_a_service_that_waits_for_frames_to_try_is_no_cause_for_long(
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


def test_when_not_all_get_their_turn_the_report_is_written_nevertheless(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.register(algorithm)
    processes_work(site)
    monkeypatch.setattr(probe, "ROUND_LIMIT_SEC", -1.0)
    diagnosis = look(site)
    assert (diagnosis.facts.own_api, diagnosis.facts.probes) == (None, {})


def test_ids_that_fight_for_an_endpoint_all_day_do_not_fill_the_timeline(
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
        told = events.between(conn, 0, time.time(), 1000)
    assert len([event for event in told if event.kind == "service_replaced"]) == 1


@pytest.mark.parametrize("over", [False, True])
def test_alarms_that_came_together_are_one_line_with_the_names_of_services(
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
