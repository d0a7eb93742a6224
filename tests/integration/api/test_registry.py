"""Registering, heartbeats and unregistering, as field clients do it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest

from easyai.api.server import create_app
from easyai.db import recorded_frames, services, task_types, waiting
from easyai.db.recorded_frames import NewFrame
from easyai.domain.reason import quoted
from easyai.domain.service import ServiceState
from easyai.runtime import Runtime
from tests.integration.api.conftest import OpenRuntime
from tests.integration.api.live import ANALYSIS, LiveApi, RecordingDoorbell

ENDPOINT = "http://192.168.1.20:7901/infer"


def _body(service_id: str = "yolo_1", endpoint: str = ENDPOINT, **more: Any) -> dict[str, Any]:
    return {
        "service_id": service_id,
        "name": "人头检测",
        "task_types": ["人数统计"],
        "endpoint": endpoint,
        "version": "1.0",
    } | more


def _register(api: LiveApi, *args: str, **more: Any) -> None:
    api.post(f"{ANALYSIS}/register", _body(*args, **more))


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _listed(api: LiveApi) -> list[str]:
    return [entry["endpoint"] for entry in api.get(f"{ANALYSIS}/services")["services"]]


def _states(api: LiveApi) -> dict[str, str]:
    entries = api.get(f"{ANALYSIS}/services?state=all")["services"]
    return {entry["endpoint"]: entry["state"] for entry in entries}


def _lapse(runtime: Runtime, state: ServiceState) -> None:
    with runtime.db.write() as conn:
        pks = [row.pk for row in services.all_services(conn)]
        services.set_state(conn, pks, state, quoted("for this test"), time.time())


def _add_frame_in_backoff(runtime: Runtime) -> None:
    frame = NewFrame("人数统计/门口2/a.jpg", "人数统计", "门口2", "v", 0.0, None)
    with runtime.db.write() as conn:
        task_types.add(conn, ["人数统计"], time.time())
        recorded_frames.add(conn, [frame], time.time() + 30)


def _due(runtime: Runtime) -> list[str]:
    with runtime.db.read() as conn:
        return waiting.due_types(conn, time.time())


def test_registered_service_is_listed_with_the_contract_fields(api: LiveApi) -> None:
    before = int(time.time())
    answer = {"ok": True, "service_id": "yolo_1", "heartbeat_interval_sec": 30.0}
    assert api.post(f"{ANALYSIS}/register", _body()) == answer
    own = api.post(f"{ANALYSIS}/register", _body(heartbeat_timeout_sec=20))
    assert own["heartbeat_interval_sec"] == 10.0

    listing = api.get(f"{ANALYSIS}/services")
    entry = listing["services"][0]

    assert listing["total"] == 1
    times = [entry.pop("last_heartbeat"), entry.pop("register_at")]
    assert all(isinstance(moment, int) and moment >= before for moment in times)
    assert entry == {
        "service_id": "yolo_1",
        "name": "人头检测",
        "endpoint": ENDPOINT,
        "version": "1.0",
        "task_types": ["人数统计"],
        "call_count": 0,
    }


def test_registering_wakes_waiting_frames_of_its_types(
    api: LiveApi, runtime: Runtime, doorbell: RecordingDoorbell
) -> None:
    _add_frame_in_backoff(runtime)
    assert _due(runtime) == []

    _register(api, task_types=["人数统计", "新类型"])

    assert _due(runtime) == ["人数统计"]
    assert doorbell.rung == ["人数统计"]  # no frame waits of the other type
    with runtime.db.read() as conn:
        assert task_types.names(conn) == ["人数统计", "新类型"]


def test_registering_an_endpoint_again_replaces_its_service_id(api: LiveApi) -> None:
    _register(api, "old", task_types=["a", "b"])
    _register(api, "new", task_types=["b", "c"], version="2")

    (entry,) = api.get(f"{ANALYSIS}/services")["services"]

    assert (entry["service_id"], entry["version"]) == ("new", "2")
    assert entry["task_types"] == ["b", "c"]
    assert "service not found" in api.error(400, "POST", f"{ANALYSIS}/heartbeat/old")


HOSTILE = (
    b"",
    b"{",
    b"NaN",
    b"[" * 50_000,
    b'{"service_id": "\\ud800", "endpoint": "http://h/", "task_types": ["a"]}',
    b'{"service_id": "a\\u0000", "endpoint": "http://h/", "task_types": ["a"]}',
    b'{"service_id": "a", "endpoint": "http://h/", "task_types": ["\\udc00"]}',
    b'{"service_id": "a", "endpoint": "http://h/", "task_types": ["a"], "x": NaN}',
    '{"service_id": "服务"}'.encode("gbk"),
)


def test_malformed_registration_is_a_bad_request(sqlite_api: LiveApi) -> None:
    for body in HOSTILE:
        assert ": " in sqlite_api.error(400, "POST", f"{ANALYSIS}/register", data=body)
    assert _listed(sqlite_api) == []


def test_missing_registration_field_is_named(sqlite_api: LiveApi) -> None:
    for field in ("service_id", "endpoint", "task_types"):
        body = _body()
        del body[field]
        error = sqlite_api.error(400, "POST", f"{ANALYSIS}/register", json=body)
        assert error.startswith(f"{field}: required")


def test_service_and_type_names_with_special_characters_work_in_urls(api: LiveApi) -> None:
    odd = "服务/1 %2F?#&+😀"
    _register(api, odd, task_types=["类型 50%&+#?"])

    api.post(f"{ANALYSIS}/heartbeat/{_quoted(odd)}")
    stats = api.get(f"{ANALYSIS}/services/stats/{_quoted('类型 50%&+#?')}")

    assert stats["total"] == 1
    assert stats["task_type"] == "类型 50%&+#?"
    assert stats["services"][0]["service_id"] == odd
    assert api.call("DELETE", f"{ANALYSIS}/unregister/{_quoted(odd)}").json() == {"ok": True}


@pytest.mark.parametrize("state", [ServiceState.SUSPECT, ServiceState.OFFLINE])
def test_heartbeat_revives_a_lapsed_service_and_wakes_its_frames(
    api: LiveApi, runtime: Runtime, doorbell: RecordingDoorbell, state: ServiceState
) -> None:
    _register(api)
    _add_frame_in_backoff(runtime)
    _lapse(runtime, state)
    doorbell.rung.clear()

    assert api.post(f"{ANALYSIS}/heartbeat/yolo_1") == {"ok": True}

    assert _states(api) == {ENDPOINT: "online"}
    assert _due(runtime) == ["人数统计"]
    assert doorbell.rung == ["人数统计"]


def test_heartbeat_of_an_online_service_wakes_no_worker(
    api: LiveApi, runtime: Runtime, doorbell: RecordingDoorbell
) -> None:
    _register(api)
    _add_frame_in_backoff(runtime)
    doorbell.rung.clear()

    api.post(f"{ANALYSIS}/heartbeat/yolo_1")

    assert _due(runtime) == []
    assert doorbell.rung == []


def test_heartbeat_of_a_returning_service_half_opens_its_breaker(
    api: LiveApi, runtime: Runtime
) -> None:
    _register(api)
    far = time.time() + 3600
    with runtime.db.write() as conn:
        conn.exec_driver_sql(
            "UPDATE services SET breaker_failures = 3, breaker_pause_sec = 60, "
            f"breaker_open_until = {far}"
        )
    api.post(f"{ANALYSIS}/heartbeat/yolo_1")
    assert api.get(f"{ANALYSIS}/services?state=all")["services"][0]["breaker"] == "open"

    _lapse(runtime, ServiceState.OFFLINE)
    api.post(f"{ANALYSIS}/heartbeat/yolo_1")

    assert api.get(f"{ANALYSIS}/services?state=all")["services"][0]["breaker"] == "half-open"


def test_heartbeat_by_id_revives_every_endpoint_and_by_endpoint_that_endpoint(
    api: LiveApi, runtime: Runtime
) -> None:
    first, second = ENDPOINT, "http://192.168.1.21:7901/infer"
    _register(api, "twin", first)
    _register(api, "twin", second)
    _lapse(runtime, ServiceState.OFFLINE)

    api.post(f"{ANALYSIS}/heartbeat/{_quoted(first)}")
    assert _states(api) == {first: "online", second: "offline"}

    _lapse(runtime, ServiceState.OFFLINE)
    api.post(f"{ANALYSIS}/heartbeat/twin")
    assert _states(api) == {first: "online", second: "online"}


def test_heartbeat_accepts_an_unencoded_endpoint_in_the_path(api: LiveApi) -> None:
    _register(api)

    status, _, body = api.raw(
        f"POST {ANALYSIS}/heartbeat/{ENDPOINT} HTTP/1.1\r\n"
        "Host: test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
    )

    assert (status, body) == (200, b'{"ok":true}')


def test_heartbeat_with_an_unparsable_body_counts(
    sqlite_api: LiveApi, sqlite_runtime: Runtime
) -> None:
    _register(sqlite_api)
    for body in (b"", b"{", b"[1]", b"NaN", b"\xff", b"[" * 50_000):
        _lapse(sqlite_runtime, ServiceState.OFFLINE)
        response = sqlite_api.call("POST", f"{ANALYSIS}/heartbeat/yolo_1", data=body)
        assert (response.status_code, response.json()) == (200, {"ok": True})
        assert _states(sqlite_api) == {ENDPOINT: "online"}


def test_plausible_numbers_of_a_heartbeat_are_stored(api: LiveApi, runtime: Runtime) -> None:
    _register(api)
    api.post(f"{ANALYSIS}/heartbeat/yolo_1", {"total_requests": 12, "avg_inference_time_ms": 45.5})
    api.post(f"{ANALYSIS}/heartbeat/yolo_1", {"total_requests": -3, "last_total_time_ms": 7})

    with runtime.db.read() as conn:
        (row,) = services.all_services(conn)

    assert row.said_total_requests == 12
    assert row.said_avg_inference_ms == 45.5
    assert row.said_last_total_ms == 7


def test_heartbeat_of_an_unknown_service_is_refused(api: LiveApi) -> None:
    for name in ("nobody", "a%00b", "%0A", "%FF", "x" * 3000, "%20", ""):
        error = api.error(400, "POST", f"{ANALYSIS}/heartbeat/{name}")
        assert error.startswith("service not found")
        assert api.error(400, "DELETE", f"{ANALYSIS}/unregister/{name}") == "service not found"


def test_next_heartbeat_revives_a_service_after_an_api_restart(
    migrated_url: str, runtime: Runtime, open_on: OpenRuntime
) -> None:
    with LiveApi(create_app(runtime)) as before:
        _register(before)
        _lapse(runtime, ServiceState.OFFLINE)
    runtime.close()

    with LiveApi(create_app(open_on(migrated_url))) as after:
        assert _listed(after) == []
        after.post(f"{ANALYSIS}/heartbeat/yolo_1")
        assert _listed(after) == [ENDPOINT]


def test_unregistered_service_stays_out_until_it_registers_again(api: LiveApi) -> None:
    _register(api)
    assert api.call("DELETE", f"{ANALYSIS}/unregister/yolo_1").json() == {"ok": True}

    for name in ("yolo_1", _quoted(ENDPOINT)):
        error = api.error(400, "POST", f"{ANALYSIS}/heartbeat/{name}")
        assert error.startswith("service not found")
    assert _listed(api) == []
    assert _states(api) == {ENDPOINT: "unregistered"}
    assert api.error(400, "DELETE", f"{ANALYSIS}/unregister/yolo_1") == "service not found"

    _register(api)
    assert _listed(api) == [ENDPOINT]
    api.post(f"{ANALYSIS}/heartbeat/yolo_1")


def test_unregister_removes_all_endpoints_of_an_id_or_the_named_endpoint(api: LiveApi) -> None:
    endpoints = [f"http://192.168.1.20:{port}/infer" for port in (7901, 7902, 7903)]
    for endpoint in endpoints:
        _register(api, "trio", endpoint)
    _register(api, "other", "http://192.168.1.20:7904/infer")

    api.call("DELETE", f"{ANALYSIS}/unregister/{_quoted(endpoints[1])}").raise_for_status()
    assert _listed(api) == ["http://192.168.1.20:7904/infer", endpoints[0], endpoints[2]]

    api.call("DELETE", f"{ANALYSIS}/unregister/trio").raise_for_status()
    assert _listed(api) == ["http://192.168.1.20:7904/infer"]


def test_clear_all_counts_only_services_still_registered(api: LiveApi) -> None:
    for port in (7901, 7902, 7903):
        _register(api, f"s{port}", f"http://192.168.1.20:{port}/infer")
    api.call("DELETE", f"{ANALYSIS}/unregister/s7901").raise_for_status()

    answer = api.post(f"{ANALYSIS}/clear_all")

    assert (answer["ok"], answer["cleared_count"]) == (True, 2)
    assert isinstance(answer["message"], str)
    assert _listed(api) == []
    assert api.post(f"{ANALYSIS}/clear_all")["cleared_count"] == 0


def test_concurrent_heartbeats_each_get_their_own_status(api: LiveApi, runtime: Runtime) -> None:
    names = [f"s{n}" for n in range(40)]
    for n, name in enumerate(names):
        _register(api, name, f"http://192.168.1.20:{8000 + n}/infer")
    _lapse(runtime, ServiceState.OFFLINE)

    def beat(name: str) -> int:
        return api.call("POST", f"{ANALYSIS}/heartbeat/{name}").status_code

    asked = [name for name in names for _ in range(3)] + ["nobody"] * 20
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(beat, asked))

    assert statuses == [200] * 120 + [400] * 20
    assert set(_states(api).values()) == {"online"}


def test_registration_log_lines_keep_the_wording_operators_search_for(
    sqlite_api: LiveApi, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "easyai"):
        _register(sqlite_api)
        sqlite_api.call("DELETE", f"{ANALYSIS}/unregister/yolo_1")

    lines = [line for line in caplog.messages if line.startswith("algorithm service")]
    registered, unregistered = lines
    assert registered.startswith("algorithm service registered: service_id=yolo_1 ")
    assert f"endpoint={ENDPOINT} task_types=人数统计" in registered
    assert unregistered == (
        f"algorithm service unregistered: service_id=yolo_1 endpoint={ENDPOINT}"
    )
