"""``easyai services``."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from easyai.cli import output
from easyai.db import processes
from easyai.registry import registration
from easyai.runtime import open_runtime
from tests.support.installation import TYPE, Installation


def _listed(installation: Installation, *arguments: str) -> dict[str, dict[str, Any]]:
    result = installation.run("services", "--json", *arguments)
    body = json.loads(result.stdout)
    assert body["total"] == len(body["services"])
    return {service["service_id"]: service for service in body["services"]}


def test_services_that_take_work_are_shown_with_state_load_and_heartbeat(
    installation: Installation,
) -> None:
    pk = installation.service("yolo-1", TYPE, "人脸", ewma_ms=41.6, call_count=7, max_concurrency=4)
    installation.frame(state="leased", service_pk=pk)
    installation.frame(state="leased", service_pk=pk, task_type="人脸")
    result = installation.run("services")
    assert result.exit_code == 0, result.output
    line = result.stdout.splitlines()[1]
    assert re.split(r"  +", line) == [
        "yolo-1",
        "http://127.0.0.1:7901/yolo-1",
        "online",
        "registered 5 min ago",
        "2/4",
        "7",
        "0",
        "never",
        "42 ms",
        re.search(r"1\d s ago", line)[0],  # type: ignore[index]
        "人数统计, 人脸",
    ]


def test_json_is_the_answer_of_the_api_with_fields_of_the_database(
    installation: Installation,
) -> None:
    installation.service("yolo-1")
    service = _listed(installation)["yolo-1"]
    assert service["task_types"] == [TYPE]
    assert service["last_heartbeat"] == int(installation.now - 12)
    assert service["state"] == "online"
    assert (service["in_flight"], service["avg_response_ms"], service["max_concurrency"]) == (
        0,
        None,
        None,
    )
    assert 12 <= service["heartbeat_age_sec"] < 60


def test_offline_services_are_counted_and_shown_with_their_reason_on_request(
    installation: Installation,
) -> None:
    installation.service("here", state="suspect", state_reason="heartbeat timeout")
    installation.service("away", state="offline", state_reason="probe: connection refused")
    installation.service("left", state="unregistered", state_reason="by request")
    plain = installation.run("services")
    assert "away" not in plain.stdout
    assert "2 more, offline, waiting or unregistered: --all shows them" in plain.stderr
    assert set(_listed(installation)) == {"here"}
    assert set(_listed(installation, "--all")) == {"here", "away", "left"}
    assert "probe: connection refused 5 min ago" in installation.run("services", "--all").stdout


def test_service_alive_without_heartbeats_is_shown_as_such(installation: Installation) -> None:
    probed = {"state_reason": "a probe was answered"}
    installation.service("mute", last_heartbeat=installation.now - 90, **probed)
    installation.service("slow", heartbeat_timeout_sec=3600, last_heartbeat=installation.now - 90)
    installation.service("quick", heartbeat_timeout_sec=5, last_heartbeat=installation.now - 35)
    lines = {line.split()[0]: line for line in installation.run("services").stdout.splitlines()}
    assert re.search(r"a probe was answered 5 min ago; no heartbeat for 9\d s", lines["mute"])
    assert re.search(r"registered 5 min ago; no heartbeat for \d\d s", lines["quick"])
    assert "no heartbeat" not in lines["slow"]


def test_open_breaker_is_shown(installation: Installation) -> None:
    installation.service("yolo-1", breaker_open_until=installation.now + 60, breaker_failures=3)
    assert "breaker open" in installation.run("services").stdout


def test_failing_service_shows_its_reason_in_80_columns(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.service(
        "yolo-1",
        breaker_open_until=installation.now + 60,
        breaker_failures=3,
        last_failure_reason="no answer within 30 s",
        last_failure_at=installation.now - 5,
    )
    wide = installation.run("services").stdout
    assert re.search(r"breaker open, next trial in \d+ s: no answer within 30 s", wide)
    monkeypatch.setattr(output, "_PIPE_WIDTH", 80)
    narrow = installation.run("services").stdout.splitlines()
    assert narrow[0].split() == ["SERVICE", "ENDPOINT", "STATE", "REASON"]
    assert all(len(line) <= 80 for line in narrow)
    assert "yolo-1" in narrow[1]
    assert "online" in narrow[1]
    assert len(narrow) <= 6


def test_nothing_to_show_is_exit_code_1_and_still_json(installation: Installation) -> None:
    result = installation.run("services", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"services": [], "total": 0}
    assert "no service has ever registered" in installation.run("services").stderr


def test_columns_with_chinese_names_stay_aligned(installation: Installation) -> None:
    installation.service("人头检测", state_reason="注册")
    installation.service("yolo-head-1", state_reason="registered")
    lines = installation.run("services").stdout.splitlines()
    columns = [len(line[: line.index("http://")].encode("gb18030")) for line in lines[1:]]
    assert columns[0] == columns[1]


def _fails(installation: Installation, pk: int, count: int, first: float, reason: str) -> None:
    for number in range(count):
        at = installation.now - first + number
        installation.frame(service_pk=pk, settled_at=at, reason=reason)


def test_service_that_refuses_every_picture_is_shown_with_its_last_success(
    installation: Installation,
) -> None:
    pk = installation.service("yolo-1", call_count=30, refused_count=4, timeout_count=2)
    _fails(installation, pk, 2, 900, "old reason")
    installation.frame(
        service_pk=pk, state="done", outcome="no_detection", settled_at=installation.now - 600
    )
    _fails(installation, pk, 3, 60, "model not loaded")
    installation.pending(
        avoid_service=pk, last_failure_at=installation.now - 5, tries=1, reason="out of memory"
    )
    well = installation.service("yolo-2", call_count=9, broken_count=1)
    _fails(installation, well, 1, 30, "broken picture")
    installation.frame(service_pk=well, state="done", settled_at=installation.now - 5)
    never = installation.service("yolo-3")
    _fails(installation, never, 1, 30, "no weights")
    head, *lines = installation.run("services").stdout.splitlines()
    shown = [
        dict(zip(re.split(r"  +", head), re.split(r"  +", line), strict=True)) for line in lines
    ]
    rows = {row["SERVICE"]: row for row in shown}
    assert rows["yolo-1"]["REASON"].endswith("; its last 4 calls failed: out of memory")
    assert (rows["yolo-1"]["FAILED"], rows["yolo-1"]["LAST SUCCESS"]) == ("6", "10 min ago")
    assert rows["yolo-2"]["REASON"].endswith("registered 5 min ago")
    assert rows["yolo-2"]["FAILED"] == "1"
    assert rows["yolo-3"]["REASON"].endswith("; its last call failed: no weights")
    assert rows["yolo-3"]["LAST SUCCESS"] == "never"
    listed = _listed(installation)
    assert listed["yolo-1"]["failed_since_success"] == 4
    failed = {"refused": 4, "timeout": 2, "broken": 0, "unreachable": 0}
    assert listed["yolo-1"]["failed_calls"] == failed
    assert listed["yolo-2"]["last_refusal"] is listed["yolo-2"]["last_refusal_code"] is None


@pytest.mark.parametrize("command", ["services", "stats", "alerts", "alarms", "frames", "requeue"])
def test_every_command_warns_when_no_easyai_process_runs(
    installation: Installation, command: str
) -> None:
    idle = "easyai: nothing of easyai runs on this database\n"
    assert installation.run(command).stderr.startswith(idle)
    with installation.db.write() as conn:
        processes.beat(conn, "worker", "here", 1, time.time())
    assert idle not in installation.run(command).stderr


def test_service_that_waits_for_approval_is_shown_and_approved(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASYAI_REGISTRATION", "approve")
    body = {"service_id": "new", "task_types": [TYPE], "endpoint": "http://127.0.0.8:9/infer"}
    runtime = open_runtime()
    registration.register(runtime, body, "10.0.0.8")
    runtime.close()

    assert _listed(installation) == {}
    assert _listed(installation, "--all")["new"]["state"] == "waiting"
    line = installation.run("services", "--all").stdout
    assert "waits for approval: approve it with the command `services approve`; asked" in line

    done = installation.run("services", "approve", "new")
    assert (done.exit_code, done.stdout) == (0, "approved: http://127.0.0.8:9/infer\n")
    assert _listed(installation)["new"]["state"] == "online"
    again = installation.run("services", "approve", "new")
    assert again.exit_code == 2
    assert "nothing waits for approval under 'new'" in again.stderr
