"""GET /metrics: the numbers of the database in Prometheus's text format."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse
from sqlalchemy import event, make_url

from easyai import __version__
from easyai.api.exposition import Exposition
from easyai.api.metrics_desk import LIMIT_SEC, MetricsDesk
from easyai.api.server import create_app
from easyai.db import alarms, generations, metrics, migrate, recorded_frames, task_types, totals
from easyai.db.services import register
from easyai.domain.outcome_totals import BOUNDS_SEC, Histogram, Totals
from easyai.domain.reason import NO_REASON
from easyai.domain.service import REGISTERED
from easyai.runtime import Runtime
from tests.integration.api.conftest import OpenRuntime
from tests.integration.api.live import ANALYSIS, LiveApi
from tests.support.services import PostgresServer
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until

NAMES = {
    "easyai_frames_total": "counter",
    "easyai_frames_pending": "gauge",
    "easyai_oldest_pending_seconds": "gauge",
    "easyai_leases": "gauge",
    "easyai_inference_duration_seconds": "histogram",
    "easyai_frame_latency_seconds": "histogram",
    "easyai_last_success_timestamp_seconds": "gauge",
    "easyai_services": "gauge",
    "easyai_breaker_open": "gauge",
    "easyai_alarm_active": "gauge",
    "easyai_outbox_pending": "gauge",
    "easyai_build_info": "gauge",
}
Labels = frozenset[tuple[str, str]]


class Scrape:
    """A parsed answer of /metrics."""

    def __init__(self, text: str) -> None:
        families = list(parse(text))
        self.types = {
            family.name + ("_total" if family.type == "counter" else ""): family.type
            for family in families
        }
        self._values = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float | None:
        """The value of a series."""
        return self._values.get((name, frozenset(labels.items())))

    def series(self, name: str) -> dict[Labels, float]:
        """All series of a name."""
        return {labels: value for (own, labels), value in self._values.items() if own == name}


def _scrape(api: LiveApi) -> Scrape:
    response = api.call("GET", "/metrics")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Scrape(response.content.decode())


def _add_frames(runtime: Runtime, task_type: str, count: int, age_sec: float) -> None:
    now = time.time()
    new = [
        recorded_frames.NewFrame(f"{task_type}/c/{n}.jpg", task_type, "c", "1", float(n), None)
        for n in range(count)
    ]
    with runtime.db.write() as conn:
        task_types.add(conn, [task_type], now)
        recorded_frames.add(conn, new, now - age_sec)


def _register(runtime: Runtime, endpoint: str, *names: str) -> int:
    values = {"service_id": endpoint, "name": endpoint, "endpoint": endpoint, "version": "1"}
    values |= dict.fromkeys(("max_concurrency", "health_url", "heartbeat_timeout_sec"))  # type: ignore[arg-type]
    values |= {"registered_from": "", "now": time.time()}  # type: ignore[dict-item]
    with runtime.db.write() as conn:
        generations.bump_registry(conn)
        return register(conn, values, REGISTERED, names)


def _execute(runtime: Runtime, sql: str) -> None:
    with runtime.db.write() as conn:
        conn.exec_driver_sql(sql)
        generations.bump_registry(conn)


def test_every_metric_exists_before_the_first_frame(api: LiveApi, runtime: Runtime) -> None:
    with runtime.db.write() as conn:
        task_types.add(conn, ["人数统计"], time.time())
    found = _scrape(api)
    assert found.types == NAMES
    assert len(found.series("easyai_frames_total")) == 12
    assert set(found.series("easyai_frames_total").values()) == {0}
    assert found.value("easyai_frames_pending", task_type="人数统计") == 0
    assert found.value("easyai_services", task_type="人数统计", state="online") == 0
    assert found.value("easyai_alarm_active", kind="bus_down", subject="") == 0
    (build,) = found.series("easyai_build_info")
    assert ("version", __version__) in build


def test_metrics_match_the_rows_of_the_database(api: LiveApi, runtime: Runtime) -> None:
    _add_frames(runtime, "人数统计", 5, 100.0)
    _execute(runtime, "UPDATE frames SET state = 'leased' WHERE id = (SELECT max(id) FROM frames)")
    _execute(
        runtime, "UPDATE frames SET state = 'parked' WHERE id = (SELECT min(id) + 1 FROM frames)"
    )
    _register(runtime, "http://10.0.0.1:1/infer", "人数统计", "人脸")
    broken = _register(runtime, "http://10.0.0.2:1/infer", "人数统计")
    _execute(
        runtime,
        f"UPDATE services SET state = 'suspect', breaker_open_until = 1 WHERE pk = {broken}",
    )
    counted = Totals()
    counted.settled("人数统计", "failed", "timeout", 3)
    row = (totals.INFERENCE, "人数统计", "http://10.0.0.1:1/infer")
    with runtime.db.write() as conn:
        totals.add_frames(conn, counted, 1000.0)
        totals.add_durations(conn, {row: Histogram.of([0.004, 0.07, 99.0])}, 1000.0)
        totals.add_durations(conn, {row: Histogram.of([0.2])}, 2000.5)
        alarms.record_notification(conn, "no_algorithm", "人脸", NO_REASON, 1.0, 1.0, 1.0)
    found = _scrape(api)
    of_type = {"task_type": "人数统计"}
    assert found.value("easyai_frames_pending", **of_type) == 4, "the parked one is included"
    assert 100 <= (found.value("easyai_oldest_pending_seconds", **of_type) or 0) < 160
    assert found.value("easyai_leases", **of_type) == 1
    assert found.value("easyai_services", **of_type, state="online") == 1
    assert found.value("easyai_services", **of_type, state="suspect") == 1
    assert found.value("easyai_breaker_open", **of_type, endpoint="http://10.0.0.2:1/infer") == 1
    assert found.value("easyai_breaker_open", **of_type, endpoint="http://10.0.0.1:1/infer") == 0
    assert found.value("easyai_frames_total", **of_type, outcome="failed", reason="timeout") == 3
    assert found.value("easyai_alarm_active", kind="no_algorithm", subject="人脸") == 1
    assert found.value("easyai_last_success_timestamp_seconds", **of_type) == 2000.5
    name, at = "easyai_inference_duration_seconds", {**of_type, "endpoint": row[2]}
    assert found.value(f"{name}_count", **at) == 4
    assert found.value(f"{name}_sum", **at) == pytest.approx(99.274)
    counts = {bound: found.value(f"{name}_bucket", **at, le=str(bound)) for bound in BOUNDS_SEC}
    assert (counts[0.005], counts[0.05], counts[0.075], counts[0.25]) == (1, 1, 2, 3)
    assert (counts[10.0], found.value(f"{name}_bucket", **at, le="+Inf")) == (3, 4)


def test_cameras_have_metric_series_only_when_requested(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MOST_CAMERAS", 2)
    _add_frames(runtime, "人数统计", 9, 0.0)
    for number, camera in enumerate(("门口1", "门口1", "门口1", "大厅", "大厅", "车库", "后门")):
        _execute(runtime, f"UPDATE frames SET task_id = '{camera}' WHERE captured_at = {number}")
    _execute(runtime, "UPDATE frames SET state = 'leased' WHERE captured_at > 6")
    name = "easyai_camera_frames_pending"
    assert name.encode() not in Exposition(runtime.db)()
    found = Scrape(Exposition(runtime.db, by_camera=True)().decode())
    at = {"task_type": "人数统计"}
    assert found.value(name, **at, camera="门口1") == 3
    assert found.value(name, **at, camera="大厅") == 2
    assert found.value(name, **at, camera="other") == 2
    assert len(found.series(name)) == 3


def test_task_type_with_special_characters_is_escaped_in_metrics(
    api: LiveApi, runtime: Runtime
) -> None:
    nasty = 'a"b\\c\nd} 1\n# HELP x'
    _add_frames(runtime, nasty, 2, 0.0)
    assert _scrape(api).value("easyai_frames_pending", task_type=nasty) == 2


def test_endpoint_tokens_are_masked_and_equal_labels_are_summed(
    api: LiveApi, runtime: Runtime
) -> None:
    urls = [f"http://u:secret@10.0.0.1:1/infer?api_key=secret{number}" for number in range(2)]
    label = "http://10.0.0.1:1/infer?api_key=********"
    for number, url in enumerate(urls):
        _register(runtime, url, "t")
        # As earlier versions wrote the row: with the token.
        row = (totals.INFERENCE, "t", url)
        with runtime.db.write() as conn:
            totals.add_durations(conn, {row: Histogram.of([0.2])}, 1000.0 + number)
            alarms.record_notification(
                conn, "service_offline", url, NO_REASON, number, number, number
            )
    _execute(runtime, "UPDATE services SET breaker_open_until = 1")
    text = api.call("GET", "/metrics").text
    assert "secret" not in text
    found = Scrape(text)
    assert found.value("easyai_breaker_open", task_type="t", endpoint=label) == 2
    assert found.value("easyai_alarm_active", kind="service_offline", subject=label) == 2
    at = {"task_type": "t", "endpoint": label}
    assert found.value("easyai_inference_duration_seconds_count", **at) == 2
    assert found.value("easyai_inference_duration_seconds_sum", **at) == pytest.approx(0.4)
    assert found.value("easyai_last_success_timestamp_seconds", task_type="t") == 1001


def test_breakers_and_alarms_beyond_the_limit_are_summed_as_other(
    api: LiveApi, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MOST_BREAKERS", 2)
    monkeypatch.setattr(metrics, "MOST_ALARMS", 2)
    for number in range(5):
        _register(runtime, f"http://10.0.0.{number}:1/infer", "t")
    _execute(
        runtime, "UPDATE services SET breaker_open_until = 1 WHERE endpoint > 'http://10.0.0.1'"
    )
    with runtime.db.write() as conn:
        for number in range(5):
            alarms.record_notification(
                conn, "service_offline", f"s{number}", NO_REASON, number, number, number
            )
    found = _scrape(api)
    breakers = found.series("easyai_breaker_open")
    assert len(breakers) == 3
    assert found.value("easyai_breaker_open", task_type="t", endpoint="other") == 3
    assert found.value("easyai_alarm_active", kind="service_offline", subject="other") == 3


@contextmanager
def _statements(runtime: Runtime) -> Iterator[list[str]]:
    found: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        found.append(statement)

    event.listen(runtime.db.engine, "before_cursor_execute", note)
    yield found
    event.remove(runtime.db.engine, "before_cursor_execute", note)


def test_metrics_are_read_once_a_second_with_few_statements(api: LiveApi, runtime: Runtime) -> None:
    for number in range(50):
        _add_frames(runtime, f"type-{number}", 3, 0.0)
        _register(runtime, f"http://10.0.0.{number}:1/infer", f"type-{number}")
    with _statements(runtime) as statements, ThreadPoolExecutor(10) as pool:
        texts = set(pool.map(lambda _: api.call("GET", "/metrics").text, range(10)))
    scrapes = sum("frame_totals" in statement for statement in statements)
    assert len(texts) <= scrapes <= 3, "within a second all get the same"
    assert len(statements) <= 25 * scrapes


@pytest.mark.parametrize("kind", ["refused", "silent"])
def test_metrics_return_503_without_blocking_when_the_database_is_silent(
    kind: str, postgres_server: PostgresServer, postgres_url: str, open_on: OpenRuntime
) -> None:
    migrate.upgrade(postgres_url)
    proxy = TcpProxy(make_url(postgres_url).port or 0)
    through = make_url(postgres_url).set(host="127.0.0.1", port=proxy.port)
    runtime = open_on(through.render_as_string(hide_password=False))
    with proxy, LiveApi(create_app(runtime)) as api:
        assert _scrape(api).types == NAMES
        if kind == "silent":
            proxy.swallow()
        else:
            postgres_server.stop()
            proxy.cut()
        # The last answer may count as fresh for some seconds.
        gone = lambda: api.call("GET", "/metrics").status_code == 503  # noqa: E731
        wait_until(gone, 15, "the database is known to be away")
        began = time.monotonic()
        with ThreadPoolExecutor(30) as pool:
            asked = [pool.submit(api.call, "GET", "/metrics") for _ in range(30)]
            assert api.get("/healthz") == {"status": "ok"}
            assert time.monotonic() - began < LIMIT_SEC
            answers = [request.result() for request in asked]
        assert time.monotonic() - began < LIMIT_SEC + 10
        assert {answer.status_code for answer in answers} == {503}
        assert "database" in answers[0].json()["error"]


def test_slow_metrics_read_is_reused_for_longer() -> None:
    began: list[float] = []
    slow = threading.Event()

    def make() -> bytes:
        began.append(time.monotonic())
        slow.wait(0.3)
        return b"text"

    async def ask() -> None:
        desk = MetricsDesk(make)
        while not began or time.monotonic() - began[0] < 1.5:
            assert await desk.ask() == b"text"
            await asyncio.sleep(0.05)

    asyncio.run(ask())
    assert len(began) == 1, "ten times as long as it took"


def test_services_are_not_read_again_while_the_registry_is_unchanged(
    api: LiveApi, runtime: Runtime
) -> None:
    body = {"service_id": "s", "task_types": ["t"], "endpoint": "http://127.0.0.1:9/infer"}
    api.post(f"{ANALYSIS}/register", body)
    assert _scrape(api).value("easyai_services", task_type="t", state="online") == 1
    time.sleep(1.1)
    with _statements(runtime) as statements:
        assert _scrape(api).value("easyai_services", task_type="t", state="online") == 1
    assert not [statement for statement in statements if "service_task_types" in statement]
    api.call("DELETE", f"{ANALYSIS}/unregister/s")
    time.sleep(1.1)
    found = _scrape(api)
    assert found.value("easyai_services", task_type="t", state="unregistered") == 1
