"""The live state over real WebSockets."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text

from easyai.dashboard import live_hub
from easyai.dashboard.sections import verdict_section
from easyai.dashboard.sections.alerts_section import AlertsSection
from easyai.dashboard.sections.cameras_section import CamerasSection
from easyai.dashboard.verdicts import Verdicts
from easyai.db import live_rows
from easyai.db.models import Alarm, Alert, TaskType
from easyai.errors import DatabaseUnavailableError
from easyai.runtime import Runtime
from tests.integration.api.live import ANALYSIS
from tests.integration.dashboard.people import Dashboard
from tests.integration.dashboard.rows import Rows
from tests.integration.dashboard.socket_client import Tab

TYPE = "人数统计"
SECTIONS = {"verdict", "types", "services", "cameras", "alarms", "alerts"}


@pytest.fixture
def on_any(runtime: Runtime) -> Iterator[Dashboard]:
    """The dashboard on each kind of database, called from this machine."""
    with Dashboard(runtime) as site:
        site.client.address = "127.0.0.1"
        yield site


def _alert(site: Dashboard, count: int = 1, **own: Any) -> None:
    alert: dict[str, Any] = {
        "task_id": "门口1",
        "task_type": TYPE,
        "image_path": "",
        "result": "{}",
    }
    alert |= {"algorithm_id": "a", "algorithm_name": "a", "detection_count": 1, "confidence": 0.5}
    alert |= {"inference_time_ms": 1.0, "created_at": 1.0, "updated_at": 1.0} | own
    with site.runtime.db.write() as conn:
        conn.execute(insert(Alert), [alert] * count)


def _ring(site: Dashboard, kind: str, subject: str) -> None:
    alarm = {"kind": kind, "subject": subject, "cause": ""}
    times = {"raised_at": 5.0, "told_at": 5.0, "acknowledged_by": "li"}
    with site.runtime.db.write() as conn:
        conn.execute(insert(Alarm), [alarm | times])


def test_state_comes_first_and_then_what_changes(on_any: Dashboard) -> None:
    body = {"service_id": "yolo", "name": "计数", "task_types": [TYPE], "version": "1.2"}
    on_any.post(f"{ANALYSIS}/register", body | {"endpoint": "http://u:secret@127.0.0.1:9/infer"})
    _ring(on_any, "inference_stalled", TYPE)
    _alert(on_any, 3)
    with Tab(on_any.port) as tab:
        first = tab.take()
        assert (first["kind"], set(first["now"])) == ("state", SECTIONS)
        assert abs(first["at"] - time.time()) < 60
        (service,) = tab.now["services"]
        assert (service["service_id"], service["name"], service["state"]) == (
            "yolo",
            "计数",
            "online",
        )
        assert service["types"] == [TYPE]
        assert service["breaker"] == "closed"
        assert "secret" not in json.dumps(first)
        (kind,) = tab.now["types"]
        assert (kind["name"], kind["available"], kind["services"]) == (TYPE, 1, 1)
        assert (kind["waiting"], kind["oldest_waiting_sec"]) == (0, None)
        (alarm,) = tab.now["alarms"]
        assert (alarm["kind"], alarm["severity"]) == ("inference_stalled", "bad")
        assert alarm["text"] == f"inference stalled {TYPE}"
        assert (alarm["acknowledged_by"], alarm["muted_until"]) == ("li", None)
        (camera,) = tab.now["cameras"]
        assert camera["task_id"] == "门口1"
        assert camera["alert_id"] == tab.now["alerts"]["newest_id"]
        assert tab.now["alerts"]["total"] == 3
        assert [item["task_id"] for item in tab.now["alerts"]["recent"]] == ["门口1"] * 3

        _alert(on_any, task_id="门口2")
        news = tab.until(lambda message: "alerts" in message["now"])
        assert news["kind"] == "delta"
        assert [item["task_id"] for item in news["now"]["alerts"]["recent"]] == ["门口2"]
        assert news["now"]["alerts"]["total"] == 4
        assert "alarms" not in news["now"]


def test_waiting_frame_of_a_type_without_service_says_so_before_a_diagnosis_knows(
    site: Dashboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Verdicts, "refresh", lambda _: None)
    with site.runtime.db.write() as conn:
        conn.execute(insert(TaskType), [{"name": TYPE, "first_seen": 1.0}])
    Rows(site.runtime, tmp_path).frame(f"{TYPE}/门口2/0.jpg", state="pending")
    with Tab(site.port) as tab:
        tab.take()
        (kind,) = tab.now["types"]
    assert (kind["waiting"], kind["services"], kind["state"]) == (1, 0, "warn")
    assert kind["sentence"] == f"No service is registered for {TYPE}; their frames wait"


def test_evidence_that_is_neither_heartbeat_nor_call_is_a_probe(site: Dashboard) -> None:
    body = {"service_id": "yolo", "task_types": [TYPE], "endpoint": "http://127.0.0.1:9/"}
    site.post(f"{ANALYSIS}/register", body)
    with site.runtime.db.write() as conn:
        conn.execute(text("UPDATE services SET last_heartbeat = 5, last_evidence = 5"))
    with Tab(site.port) as tab:
        tab.take()
        assert tab.now["services"][0]["last_probe"] is None
        with site.runtime.db.write() as conn:
            conn.execute(text("UPDATE services SET last_evidence = 7"))
        tab.until(lambda message: "services" in message["now"])
        assert tab.now["services"][0]["last_probe"] == 7


def test_first_message_has_the_verdict_so_that_a_page_waits_for_no_second(
    site: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdict_section, "_FIRST_SEC", 10.0)
    with Tab(site.port) as tab:
        assert tab.take()["now"]["verdict"]["sentence"]


def test_first_camera_of_an_installation_appears_on_a_page_that_is_open(site: Dashboard) -> None:
    with Tab(site.port) as tab:
        tab.take()
        assert tab.now["cameras"] == []
        _alert(site, task_id="门口1")
        tab.until(lambda message: bool(message["now"].get("cameras")))
        assert [camera["task_id"] for camera in tab.now["cameras"]] == ["门口1"]


def test_verdict_comes_in_the_language_of_the_tab(site: Dashboard) -> None:
    with Tab(site.port) as english, Tab(site.port, "?lang=zh") as chinese:
        for tab, word in ((english, "Inference"), (chinese, "推理")):
            tab.until(lambda message: bool(message["now"].get("verdict")))
            verdict = tab.now["verdict"]
            assert verdict["state"] in ("warn", "bad")  # neither worker nor beat runs
            whole = " ".join(str(value) for value in verdict.values())
            assert word in whole or "没有" in whole, verdict
            assert verdict["reason"]
            assert verdict["waiting"] == 0
    with Tab(site.port, "?lang=tlh") as other:
        assert other.take()["kind"] == "state"


def test_tab_that_comes_back_gets_what_it_missed(site: Dashboard) -> None:
    with Tab(site.port) as tab:
        if not tab.take()["now"]["verdict"]:
            tab.until(lambda message: bool(message["now"].get("verdict")))
    _alert(site)
    with Tab(site.port, f"?since={tab.known}") as again:
        again.known, again.now = tab.known, tab.now
        again.until(lambda message: "alerts" in message["now"])
        assert again.known.partition(":")[0] == tab.known.partition(":")[0]
        assert again.now["alerts"]["total"] == 1
        assert again.now["verdict"] == tab.now["verdict"] or again.now["verdict"]


@pytest.mark.parametrize(
    "since", ["nobody:1", "x", ":", "{boot}:99999999999999999999", "{boot}:-1"]
)
def test_tab_of_another_process_or_too_far_back_gets_the_whole_state(
    site: Dashboard, since: str
) -> None:
    with Tab(site.port) as tab:
        tab.take()
        boot = tab.known.partition(":")[0]
        with Tab(site.port, "?since=" + since.format(boot=boot)) as other:
            assert set(other.take()["now"]) == SECTIONS


def test_nothing_is_read_while_nobody_looks(
    site: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_hub, "LINGER_SEC", 0.5)
    read: list[float] = []
    alerts = live_rows.alerts

    def counted(conn: Any) -> tuple[int, int]:
        read.append(time.monotonic())
        return alerts(conn)

    monkeypatch.setattr(live_rows, "alerts", counted)
    time.sleep(1.2)
    assert read == []
    with Tab(site.port) as tab:
        tab.take()
    assert read
    time.sleep(2.5)
    count = len(read)
    time.sleep(1.5)
    assert len(read) == count


def test_tabs_get_unknown_while_the_database_is_away_and_the_state_after_it(
    site: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Tab(site.port, "?lang=zh") as tab:
        tab.take()

        def gone(*_: object) -> None:
            raise DatabaseUnavailableError

        with monkeypatch.context() as patch:
            patch.setattr(live_rows, "services", gone)
            unknown = tab.until(lambda message: message["kind"] == "unknown")
            assert "数据库" in unknown["why"]
            assert abs(unknown["at"] - time.time()) < 60
            with Tab(site.port) as late:
                assert late.take()["kind"] == "unknown"
        assert set(tab.until(lambda message: message["kind"] == "state")["now"]) == SECTIONS


def test_state_that_is_late_is_not_known(site: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_hub, "_LATE_SEC", 0.2)
    monkeypatch.setattr(live_hub, "_EVERY_SEC", 0.2)
    with Tab(site.port) as tab:
        tab.take()
        monkeypatch.setattr(live_rows, "available", lambda *_: time.sleep(1.5))
        for _ in range(2):
            tab.until(lambda message: message["kind"] == "unknown")


def test_heartbeats_do_not_wait_for_a_state_that_hangs(
    site: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.post(
        f"{ANALYSIS}/register",
        {"service_id": "yolo", "task_types": [TYPE], "endpoint": "http://127.0.0.1:9/"},
    )
    with Tab(site.port) as tab:
        tab.take()
        monkeypatch.setattr(live_rows, "available", lambda *_: time.sleep(3))
        time.sleep(1.2)
        begun = time.monotonic()
        for _ in range(20):
            site.post(f"{ANALYSIS}/heartbeat/yolo")
        assert time.monotonic() - begun < 2


def test_delta_has_only_the_cameras_that_changed(
    site: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CamerasSection, "rest", 0)
    for camera in ("a", "b"):
        _alert(site, task_id=camera)
    with Tab(site.port) as tab:
        tab.take()
        _alert(site, task_id="b", created_at=2.0)
        news = tab.until(lambda message: "cameras" in message["now"])["now"]["cameras"]
        assert news["order"] == ["b", "a"]
        assert [camera["task_id"] for camera in news["changed"]] == ["b"]
        assert [camera["task_id"] for camera in tab.now["cameras"]] == ["b", "a"]


def test_live_pictures_have_few_boxes_and_no_long_regions(
    site: Dashboard, sqlite_rows: Rows
) -> None:
    region = {"type": "polygon", "name": "", "points": [[0.5, 0.5]] * 101}
    config = json.dumps({"regions": [region]}).encode()
    sqlite_rows.picture(f"{TYPE}/crowd/algo_config.json", config)
    people = [{"bbox": [0.1, 0.1, 0.2, 0.2]}] * 80
    sqlite_rows.alert({"detections": people}, task_id="crowd", task_type=TYPE)
    with Tab(site.port) as tab:
        tab.take()
        (camera,), (alert,) = tab.now["cameras"], tab.now["alerts"]["recent"]
    assert (len(camera["boxes"]), camera["box_count"], "regions" in camera) == (30, 80, False)
    assert (len(alert["boxes"]), alert["regions"]) == (30, [])


def test_list_of_alerts_shows_none_that_a_restored_database_lacks(sqlite_rows: Rows) -> None:
    section = AlertsSection(sqlite_rows.runtime)

    def shown() -> list[int]:
        with sqlite_rows.runtime.db.read() as conn:
            section.read(conn, 1.0)
        return [item["id"] for item in section.show("en").whole["recent"]]

    first, second = sqlite_rows.alert(), sqlite_rows.alert()
    sqlite_rows.execute("UPDATE alerts SET id = 1000 WHERE id = :id", id=second)
    assert shown() == [1000, first]
    sqlite_rows.execute("UPDATE alerts SET id = :id WHERE id = 1000", id=second)
    assert shown() == [second, first]
