"""Views for operators: services, load, statistics."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime
from typing import Any

import pytest

from easyai.db import ledger, recorded_frames, services, statistics, task_types, waiting
from easyai.db.recorded_frames import NewFrame
from easyai.db.statistics import Tally
from easyai.domain.reason import quoted
from easyai.domain.service import ServiceState
from easyai.runtime import Runtime
from tests.integration.api.live import ANALYSIS, LiveApi

STATS_FIELDS = {
    "queue_size",
    "queue_max_size",
    "queue_utilization",
    "active_inferences",
    "max_concurrent_infer",
    "dropped_total",
    "processed_total",
    "drop_rate",
    "strategy",
    "parked",
    "dropped_by_reason",
    "sampled_total",
    "superseded_total",
    "discarded_total",
    "avg_inference_ms",
    "max_inference_ms",
    "total_inferences",
    "success_inferences",
    "failed_inferences",
    "success_rate_per_sec",
    "request_rate_per_sec",
    "response_rate_per_sec",
    "minio_move_total",
    "minio_move_success",
    "minio_move_failed",
    "minio_move_avg_time_ms",
    "minio_move_max_time_ms",
    "minio_move_success_rate",
    "updated_at",
}

WHOLE_NUMBERS = {
    "queue_size",
    "queue_max_size",
    "active_inferences",
    "max_concurrent_infer",
    "dropped_total",
    "processed_total",
    "parked",
    "sampled_total",
    "superseded_total",
    "discarded_total",
    "max_inference_ms",
    "total_inferences",
    "success_inferences",
    "failed_inferences",
    "minio_move_total",
    "minio_move_success",
    "minio_move_failed",
    "minio_move_max_time_ms",
}


def _register(api: LiveApi, name: str, *task_types: str) -> str:
    endpoint = f"http://192.168.1.20:7901/{name}"
    body = {"service_id": name, "task_types": list(task_types), "endpoint": endpoint}
    api.post(f"{ANALYSIS}/register", body)
    return endpoint


def _is_now(text: str) -> bool:
    """Whether a text in RFC 3339, as Go and browsers read it, is the present time."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    return abs(datetime.fromisoformat(text).timestamp() - time.time()) < 60


def _set(runtime: Runtime, name: str, column: str, value: Any) -> None:
    with runtime.db.write() as conn:
        conn.exec_driver_sql(
            f"UPDATE services SET {column} = {value!r} WHERE service_id = {name!r}"
        )


def _set_state(runtime: Runtime, name: str, state: ServiceState) -> None:
    with runtime.db.write() as conn:
        pks = [row.pk for row in services.find(conn, [name])]
        services.set_state(conn, pks, state, quoted(f"{name} is {state}"), time.time())


def test_only_routable_services_are_listed_unless_state_is_all(
    api: LiveApi, runtime: Runtime
) -> None:
    for state in ServiceState:
        _register(api, str(state), "人数统计")
        _set_state(runtime, str(state), state)

    usual = api.get(f"{ANALYSIS}/services")
    complete = api.get(f"{ANALYSIS}/services?state=all")

    assert {entry["service_id"] for entry in usual["services"]} == {"online", "suspect"}
    assert usual["total"] == 2
    assert "state" not in usual["services"][0]
    assert complete["total"] == 4
    for entry in complete["services"]:
        assert entry["state"] == entry["service_id"]
        assert entry["state_since"] > 0
        assert entry["breaker"] == "closed"
        assert set(entry["failed_calls"]) == {"refused", "timeout", "broken", "unreachable"}
    assert complete["services"][0]["state_reason"] == "offline is offline"
    assert api.error(400, "GET", f"{ANALYSIS}/services?state=some").startswith("state: ")
    assert api.get(f"{ANALYSIS}/services?state=") == usual


def test_service_stats_list_only_services_of_the_type(api: LiveApi) -> None:
    _register(api, "both", "人数统计", "人脸检测")
    _register(api, "one", "人脸检测")

    counting = api.get(f"{ANALYSIS}/services/stats/人数统计")
    nothing = api.get(f"{ANALYSIS}/services/stats/未知")

    assert [entry["service_id"] for entry in counting["services"]] == ["both"]
    assert (counting["total"], counting["task_type"]) == (1, "人数统计")
    assert nothing == {"services": [], "total": 0, "task_type": "未知"}


def test_load_share_of_a_service_follows_its_speed(api: LiveApi, runtime: Runtime) -> None:
    for name, latency in (("fast", 48.7), ("slow", 200.0), ("new", None)):
        _register(api, name, "人数统计")
        if latency is not None:
            _set(runtime, name, "ewma_ms", latency)
    _register(api, "gone", "人脸检测")
    _set_state(runtime, "gone", ServiceState.OFFLINE)

    answer = api.get(f"{ANALYSIS}/load_balance/info")
    balance = answer["load_balance"]["人数统计"]
    by_name = {entry["service_id"]: entry for entry in balance["services"]}

    assert answer["total_task_types"] == 1
    assert (balance["task_type"], balance["total_services"]) == ("人数统计", 3)
    assert json.dumps(balance["total_weight"]) == str(20 + 5 + 10)
    assert set(by_name["fast"]) == {
        "endpoint",
        "service_id",
        "name",
        "avg_response_ms",
        "weight",
        "call_count",
        "allocation_ratio",
        "has_data",
    }
    assert json.dumps([by_name["fast"][name] for name in ("avg_response_ms", "weight")]) == (
        "[49, 20]"  # integers, as in the predecessor
    )
    assert by_name["fast"]["allocation_ratio"] == pytest.approx(100 * 20 / 35, abs=0.01)
    assert (by_name["slow"]["avg_response_ms"], by_name["slow"]["has_data"]) == (200, True)
    assert (by_name["new"]["weight"], by_name["new"]["has_data"]) == (10, False)
    assert _is_now(balance["updated_at"])


def test_weight_of_a_service_is_an_integer_from_1_to_100(
    sqlite_api: LiveApi, sqlite_runtime: Runtime
) -> None:
    _register(sqlite_api, "one", "人数统计")
    latencies = (0.0, 0.2, 9.9, 10.0, 334.0, 999.9, 1001.0, 60_000.0)
    shown = []
    for latency in latencies:
        _set(sqlite_runtime, "one", "ewma_ms", latency)
        balance = sqlite_api.get(f"{ANALYSIS}/load_balance/info")["load_balance"]["人数统计"]
        (entry,) = balance["services"]
        shown.append(entry["weight"])
        assert entry["allocation_ratio"] == 100
        assert isinstance(entry["avg_response_ms"], int)
    assert json.dumps(shown) == "[100, 100, 100, 100, 2, 1, 1, 1]"


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings limit the rate of a type; request it before the runtime, which reads them."""
    types = {"人数统计": {"rate_limit": "30/s"}}
    monkeypatch.setenv("EASYAI_AI_ANALYSIS__TYPES", json.dumps(types))


@pytest.mark.usefixtures("limited")
def test_load_balance_shows_the_configured_rate_limit_of_a_type(
    sqlite_api: LiveApi,
) -> None:
    _register(sqlite_api, "both", "人数统计", "人脸检测")
    shown = sqlite_api.get(f"{ANALYSIS}/load_balance/info")["load_balance"]
    assert {name: balance["rate_limit"] for name, balance in shown.items()} == {
        "人数统计": "30/s",
        "人脸检测": "",
    }


def test_load_balance_analysis_rates_the_spread_of_calls(
    sqlite_api: LiveApi, sqlite_runtime: Runtime
) -> None:
    for name in ("a", "b"):
        _register(sqlite_api, name, "人数统计")
    for first, second, quality in (
        (0, 0, "no_data"),
        (100, 100, "excellent"),
        (100, 130, "good"),
        (100, 250, "fair"),
        (100, 900, "poor"),
    ):
        _set(sqlite_runtime, "a", "call_count", first)
        _set(sqlite_runtime, "b", "call_count", second)

        analysis = sqlite_api.get(f"{ANALYSIS}/load_balance/analysis")["analysis"]["人数统计"]

        assert analysis["balance_quality"] == quality
        assert (analysis["service_count"], analysis["total_calls"]) == (2, first + second)
        assert analysis["avg_calls"] == (first + second) / 2
        assert (analysis["min_calls"], analysis["max_calls"]) == (first, second)
        assert analysis["variance"] == ((second - first) / 2) ** 2
        assert [entry["call_count"] for entry in analysis["services"]] == [first, second]


def _add_frames(runtime: Runtime, count: int, leased: int) -> None:
    now = time.time()
    frames = [NewFrame(f"t/c/{n}.jpg", "t", "c", "v", now, None) for n in range(count)]
    with runtime.db.write() as conn:
        task_types.add(conn, ["t"], now)
        recorded_frames.add(conn, frames, now)
        due = waiting.due(conn, {"t": leased}, now)["t"]
        ledger.lease(conn, [(frame, 1) for frame in due], "token", now, now + 60)


def test_inference_stats_return_the_contract_fields_with_counted_values(
    api: LiveApi, runtime: Runtime
) -> None:
    _add_frames(runtime, count=5, leased=2)
    tally = Tally(
        requests=12, responses=11, successes=8, failures=3, processed=9, queue_full=1,
        infer_ms_sum=400.0, infer_ms_max=90.4,
        moves=4, moves_failed=1, move_ms_sum=10.0, move_ms_max=5.7,
    )  # fmt: skip
    with runtime.db.write() as conn:
        statistics.add(conn, {"t": tally}, time.time())

    stats = api.get(f"{ANALYSIS}/inference_stats")

    assert set(stats) == STATS_FIELDS
    assert (stats["queue_size"], stats["active_inferences"]) == (3, 2)
    assert (stats["queue_max_size"], stats["max_concurrent_infer"]) == (5000, 100)
    assert stats["queue_utilization"] == pytest.approx(3 / 5000)
    assert (stats["processed_total"], stats["dropped_total"], stats["drop_rate"]) == (9, 1, 0.1)
    assert stats["strategy"] == "wait"
    assert stats["dropped_by_reason"] == {"queue_full": 1, "too_old": 0, "disk_low": 0}
    assert (stats["parked"], stats["sampled_total"]) == (0, 0)
    assert (stats["avg_inference_ms"], stats["max_inference_ms"]) == (50, 90)
    assert {name for name, value in stats.items() if isinstance(value, int)} == WHOLE_NUMBERS
    assert stats["total_inferences"] == 11
    assert (stats["success_inferences"], stats["failed_inferences"]) == (8, 3)
    assert stats["request_rate_per_sec"] > stats["success_rate_per_sec"] > 0
    assert stats["minio_move_total"] == 4
    assert (stats["minio_move_success"], stats["minio_move_failed"]) == (3, 1)
    assert (stats["minio_move_avg_time_ms"], stats["minio_move_max_time_ms"]) == (2.5, 6)
    assert stats["minio_move_success_rate"] == 0.75
    assert _is_now(stats["updated_at"])


def test_reset_clears_the_statistics_and_keeps_the_backlog(api: LiveApi, runtime: Runtime) -> None:
    _add_frames(runtime, count=2, leased=0)
    with runtime.db.write() as conn:
        tally = Tally(requests=5, successes=5, processed=5)
        statistics.add(conn, {"t": tally}, time.time())

    answer = api.post(f"{ANALYSIS}/inference_stats/reset")
    stats = api.get(f"{ANALYSIS}/inference_stats")

    assert answer["ok"] is True
    assert isinstance(answer["message"], str)
    assert stats["processed_total"] == 0
    assert _is_now(stats["updated_at"])  # not 1970, which pages of the predecessor would show
    assert stats["queue_size"] == 2
