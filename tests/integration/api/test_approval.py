"""With registration "approve" an unknown service waits for approval and gets no frames."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import text

from easyai.db import routable, task_types
from easyai.domain.actor import Actor
from easyai.errors import ServiceNotFoundError, TooManyRequestsError
from easyai.registry import approval, registration, unregistration
from easyai.registry.payload import Registration
from easyai.registry.registration import approve, register
from easyai.runtime import Runtime
from tests.integration.api.live import ANALYSIS, LiveApi, RecordingDoorbell

ENDPOINT = "http://10.0.0.8:7901/infer"


@pytest.fixture(autouse=True)
def _approve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASYAI_REGISTRATION", "approve")


def _body(service_id: str = "yolo", endpoint: str = ENDPOINT) -> dict[str, Any]:
    return {"service_id": service_id, "task_types": ["t"], "endpoint": endpoint}


def _register(api: LiveApi, *given: str) -> None:
    answer = api.post(f"{ANALYSIS}/register", _body(*given))
    assert answer == {
        "ok": True,
        "service_id": given[0] if given else "yolo",
        "heartbeat_interval_sec": 30.0,
    }


def _states(api: LiveApi) -> dict[tuple[str, str], str]:
    found = api.get(f"{ANALYSIS}/services?state=all")["services"]
    return {(service["service_id"], service["endpoint"]): service["state"] for service in found}


def _beat(api: LiveApi, name: str) -> int:
    return api.call("POST", f"{ANALYSIS}/heartbeat/{quote(name, safe='')}").status_code


def _routable(runtime: Runtime) -> list[tuple[str, str]]:
    with runtime.db.read() as conn:
        return [(service.service_id, service.endpoint) for service in routable.load(conn)]


def test_unknown_service_waits_for_approval_and_gets_the_usual_answer(
    api: LiveApi, runtime: Runtime, doorbell: RecordingDoorbell
) -> None:
    _register(api)
    _register(api)
    assert [_beat(api, "yolo"), _beat(api, ENDPOINT), _beat(api, "other")] == [200, 200, 400]

    assert api.get(f"{ANALYSIS}/services") == {"services": [], "total": 0}
    shown = api.get(f"{ANALYSIS}/services?state=all")["services"]
    assert [(service["state"], service["task_types"]) for service in shown] == [("waiting", ["t"])]
    reason = "waits for approval: approve it with the command `services approve`"
    assert shown[0]["state_reason"] == reason
    code_and_args = shown[0]["state_reason_code"], shown[0]["state_reason_args"]
    assert code_and_args == ("service.waits_for_approval", {})
    assert (shown[0]["last_failure_code"], shown[0]["last_failure_args"]) == (None, None)
    assert _routable(runtime) == []
    with runtime.db.read() as conn:
        assert task_types.names(conn) == []  # no queue for its type
        kinds = text("SELECT kind FROM events WHERE kind LIKE 'service%'")
        events = list(conn.execute(kinds).scalars())
    assert events == ["service_waiting"]
    assert doorbell.rung == []


def test_approved_service_registers_again_without_a_new_approval(
    api: LiveApi, runtime: Runtime
) -> None:
    _register(api)
    assert approve(runtime, "yolo", by=Actor("uid 0", local=True)) == [ENDPOINT]
    assert _states(api) == {("yolo", ENDPOINT): "online"}
    assert _routable(runtime) == [("yolo", ENDPOINT)]

    api.call("DELETE", f"{ANALYSIS}/unregister/yolo").raise_for_status()
    _register(api)
    api.post(f"{ANALYSIS}/clear_all")
    _register(api)

    assert _states(api) == {("yolo", ENDPOINT): "online"}
    sql = "SELECT text FROM events WHERE subject = 'approve'"
    with runtime.db.read() as conn:
        noted = list(conn.execute(text(sql)).scalars())
    assert noted == ["from this machine (uid 0): approved 1 endpoint of yolo"]


def test_endpoint_withdrawn_during_approval_is_not_routable(
    api: LiveApi, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "http://10.0.0.9:7901/infer"
    for endpoint in (ENDPOINT, other):
        _register(api, "yolo", endpoint)

    def withdraw(new: Registration) -> None:
        gone = {ENDPOINT: other, other: ENDPOINT}[new.endpoint]
        unregistration.unregister(runtime, gone)

    monkeypatch.setattr(registration, "_log_registered", withdraw)
    (approved,) = approve(runtime, "yolo")
    assert _routable(runtime) == [("yolo", approved)]


def test_service_from_before_the_setting_needs_no_approval(api: LiveApi, runtime: Runtime) -> None:
    _register(api)
    approve(runtime, "yolo")
    with runtime.db.write() as conn:
        conn.execute(text("UPDATE services SET state = 'offline', registered_from = ''"))

    assert _beat(api, "yolo") == 200
    assert _states(api) == {("yolo", ENDPOINT): "online"}
    _register(api)
    assert _states(api) == {("yolo", ENDPOINT): "online"}


def test_unapproved_service_cannot_take_over_an_endpoint_or_service_id(
    api: LiveApi, runtime: Runtime
) -> None:
    _register(api)
    approve(runtime, "yolo")

    other = "http://10.0.0.66:7901/infer"
    _register(api, "stranger", ENDPOINT)  # at a known endpoint
    _register(api, "yolo", other)  # under a known service_id

    found = api.get(f"{ANALYSIS}/services?state=all")["services"]
    assert [
        (service["service_id"], service["endpoint"], service["state"]) for service in found
    ] == [
        ("yolo", ENDPOINT, "online"),
        ("stranger", ENDPOINT, "waiting"),
        ("yolo", other, "waiting"),
    ]
    assert _routable(runtime) == [("yolo", ENDPOINT)]
    assert approve(runtime, ENDPOINT) == [ENDPOINT]  # an operator may want it
    assert _routable(runtime) == [("stranger", ENDPOINT)]


def test_waiting_service_leaves_on_unregister_or_clear_all(api: LiveApi) -> None:
    _register(api)
    api.call("DELETE", f"{ANALYSIS}/unregister/yolo").raise_for_status()
    assert _states(api) == {}
    assert _beat(api, "yolo") == 400

    _register(api)
    assert api.post(f"{ANALYSIS}/clear_all")["cleared_count"] == 0
    assert _states(api) == {}


def test_approving_an_unknown_service_raises_an_error_with_the_remedy(runtime: Runtime) -> None:
    with pytest.raises(ServiceNotFoundError, match="`services --all`"):
        approve(runtime, "nobody")


def test_waiting_services_are_bounded_and_forgotten_when_silent(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approval, "_MOST_WAITING", 3)
    for number in range(3):
        register(runtime, _body(f"s{number}"))
    with pytest.raises(TooManyRequestsError, match="3 services wait for approval"):
        register(runtime, _body("s3"))
    register(runtime, _body("s0"))  # it waits already

    with runtime.db.write() as conn:
        conn.execute(text("UPDATE registration_requests SET last_heartbeat = last_heartbeat - 9e4"))
    registration.heartbeat(runtime, "s1")
    register(runtime, _body("s3"))

    with runtime.db.read() as conn:
        sql = "SELECT registration FROM registration_requests ORDER BY service_id"
        kept = [json.loads(row)["service_id"] for row in conn.execute(text(sql)).scalars()]
    assert kept == ["s1", "s3"]


def test_clock_jump_ahead_forgets_no_waiting_service(runtime: Runtime) -> None:
    register(runtime, _body("s0"))
    with runtime.db.write() as conn:
        conn.execute(text("UPDATE registration_requests SET last_heartbeat = last_heartbeat - 9e4"))
    register(runtime, _body("s1"))
    registration.heartbeat(runtime, "s0")  # raises for an unknown service


def test_waiting_service_is_accepted_after_registration_is_set_to_open(
    api: LiveApi, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    _register(api)
    opened = runtime.settings.easyai.model_copy(update={"registration": "open"})
    settings = runtime.settings.model_copy(update={"easyai": opened})
    monkeypatch.setattr(type(runtime), "settings", settings)
    assert _beat(api, "yolo") == 200  # still waiting for approval
    _register(api)
    assert _states(api) == {("yolo", ENDPOINT): "online"}
