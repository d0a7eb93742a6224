"""Alerts are listed, read and deleted, with their pictures."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from easyai.api.server import create_app
from easyai.db import (
    alert_lists,
    alerts,
    ledger,
    migrate,
    recorded_frames,
    task_types,
    waiting,
)
from easyai.db import pictures as pictures_db
from easyai.db.alert_filter import AlertFilter
from easyai.db.recorded_frames import NewFrame
from easyai.domain.alarm_as_alert import system_result
from easyai.domain.reason import Reason
from easyai.pipeline import picture_moves
from easyai.runtime import Runtime
from tests.integration.api.conftest import OpenRuntime
from tests.integration.api.live import ALERTS, LiveApi

PICTURE = b"\xff\xd8 a picture \xff\xd9"


def _save(runtime: Runtime, **given: Any) -> int:
    """Save an alert; returns its id."""
    row = {
        "frame_id": None,
        "task_id": "门口2",
        "task_type": "人数统计",
        "image_path": "",
        "algorithm_id": "yolo_1",
        "algorithm_name": "人头检测",
        "result": '{"total_count":2}',
        "confidence": 0.9,
        "detection_count": 2,
        "inference_time_ms": 45.2,
        "now": time.time(),
    } | given
    with runtime.db.write() as conn:
        alerts.add(conn, [row], for_bus=False)
        newest = alert_lists.page(conn, AlertFilter(), 1).rows
    saved: int = newest[0].id
    return saved


def _save_with_frame(runtime: Runtime, folder: Path, name: str, *, carried: bool) -> int:
    """Save an alert with its frame; the picture is moved (`carried`) or still at its key."""
    key, target = f"人数统计/门口2/{name}", f"alerts/人数统计/门口2/{name}"
    place = folder / (target if carried else key)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(PICTURE)
    version = runtime.store.version(target if carried else key)
    assert version is not None
    now = time.time()
    with runtime.db.write() as conn:
        task_types.add(conn, ["人数统计"], now)
        recorded_frames.add(conn, [NewFrame(key, "人数统计", "门口2", version, now, None)], now)
        (frame,) = waiting.due(conn, {"人数统计": 1}, now)["人数统计"]
        ledger.lease(conn, [(frame, 1)], "token", now, now + 15)
        frame_id = frame.id
        settled = {
            "id": frame_id,
            "token": "token",
            "tries": 0,
            "state": "done",
            "outcome": "alert",
            "reason": None,
            "reason_code": None,
            "reason_args": None,
            "attempts": 0,
            "now": now - 60,
            "detection_count": 2,
            "inference_ms": 1.0,
            "image_path": None,
            "image_target": target,
        }
        assert ledger.finish(conn, [settled]) == 1
        if carried:
            pictures_db.carried(conn, {frame_id: target})
    return _save(runtime, frame_id=frame_id, image_path=target)


def _pictures(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_alerts_are_listed_newest_first_in_pages(api: LiveApi, runtime: Runtime) -> None:
    ids = [_save(runtime) for _ in range(5)]

    first = api.get(f"{ALERTS}?page_size=2")
    last = api.get(f"{ALERTS}?page_size=2&page=3")

    assert [item["id"] for item in first["items"]] == [ids[4], ids[3]]
    assert [item["id"] for item in last["items"]] == [ids[0]]
    assert first["total"] == last["total"] == 5
    assert api.get(f"{ALERTS}?page=99") == {"items": [], "total": 5}


def test_list_read_with_before_skips_and_repeats_nothing(api: LiveApi, runtime: Runtime) -> None:
    ids = [_save(runtime, now=1_700_000_000.0) for _ in range(7)]  # equal times

    first = api.get(f"{ALERTS}?page_size=2&before=")
    assert first.keys() == {"items", "total"}  # the fields of the contract
    _save(runtime)  # new alerts do not move the list
    api.call("DELETE", f"{ALERTS}/{ids[6]}")  # nor do deletions, of the last alert read neither
    api.call("DELETE", f"{ALERTS}/{ids[5]}")
    second = api.get(f"{ALERTS}?page_size=2&before={first['items'][-1]['id']}")
    api.call("DELETE", f"{ALERTS}/{ids[2]}")
    third = api.get(f"{ALERTS}?page_size=2&before={second['next']}&page=9")
    last = api.get(f"{ALERTS}?page_size=2&before={ids[0]}")

    assert [item["id"] for item in first["items"]] == [ids[6], ids[5]]
    assert [item["id"] for item in second["items"]] == [ids[4], ids[3]]
    assert (second["total"], second["next"]) == (6, ids[3])
    assert [item["id"] for item in third["items"]] == [ids[1], ids[0]]
    assert (third["total"], third["next"]) == (5, None)
    assert last == {"items": [], "total": 5, "next": None}
    assert api.get(f"{ALERTS}?before=0") == api.get(ALERTS)


def test_alert_page_has_20_alerts_by_default_and_at_most_100(
    api: LiveApi, runtime: Runtime
) -> None:
    for _ in range(105):
        _save(runtime)

    assert len(api.get(ALERTS)["items"]) == 20
    assert len(api.get(f"{ALERTS}?page_size=5000")["items"]) == 100


def test_alert_filters_narrow_the_list_and_empty_filters_do_not(
    api: LiveApi, runtime: Runtime
) -> None:
    early = _save(runtime, task_id="a", detection_count=1, now=1_700_000_000.5)
    middle = _save(runtime, task_id="b", task_type="人脸", detection_count=5, now=1_700_000_100.0)
    late = _save(runtime, task_id="b", detection_count=9, now=1_700_000_200.0)

    def listed(query: str) -> list[int]:
        return [item["id"] for item in api.get(f"{ALERTS}?{query}")["items"]]

    assert listed("task_id=b") == [late, middle]
    assert listed("task_type=人脸") == [middle]
    assert listed("task_id=b&task_type=人数统计") == [late]
    assert listed("min_detections=5") == [late, middle]
    assert listed("max_detections=5") == [middle, early]
    assert listed("min_detections=2&max_detections=8") == [middle]
    assert listed("start_time=1700000100") == [late, middle]
    assert listed("end_time=1700000100") == [middle, early]
    assert listed("start_time=2023-11-14T22:14:00Z&end_time=2023-11-15T06:16:00%2B08:00") == [
        middle
    ]
    empty = "task_id=&task_type=&min_detections=&max_detections=&start_time=&end_time=&page="
    assert listed(empty + "&page_size=") == [late, middle, early]
    assert listed("task_id=%27%20OR%201=1%20--") == []


def test_query_numbers_of_0_and_below_mean_not_given(api: LiveApi, runtime: Runtime) -> None:
    ids = [_save(runtime, detection_count=count) for count in range(25)]
    everything = {"items": api.get(ALERTS)["items"], "total": 25}

    for query in ("page=0", "page=-1", "page_size=0", "page_size=-5", "max_detections=0"):
        assert api.get(f"{ALERTS}?{query}") == everything, query
    assert api.get(f"{ALERTS}?page=0&page_size=0&max_detections=0&min_detections=0") == everything
    assert [alert["id"] for alert in everything["items"]] == ids[:4:-1]
    assert api.get(f"{ALERTS}?max_detections=1")["total"] == 2


def test_wrong_query_parameter_is_refused_by_name(api: LiveApi) -> None:
    wrong = (
        "page=x",
        "page=1e9999",
        "page_size=x",
        "min_detections=x",
        "max_detections=99999999999999999999999",
        "start_time=yesterday",
        "end_time=1762920461000",
        "task_id=a%00b",
        "task_type=%00",
        "before=x",
        "before=99999999999999999999",
    )
    for query in wrong:
        name = query.partition("=")[0]
        assert api.error(400, "GET", f"{ALERTS}?{query}").startswith(f"{name}: ")


def test_alert_is_returned_with_a_link_to_its_picture(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, folder: Path
) -> None:
    saved = _save_with_frame(sqlite_runtime, folder, "晚 上#1.jpg", carried=True)

    alert = sqlite_api.get(f"{ALERTS}/{saved}")["alert"]
    link = alert["image_url"].partition("/api/v1/")[2]

    assert alert["id"] == saved
    assert alert["image_path"] == "alerts/人数统计/门口2/晚 上#1.jpg"
    assert alert["result"] == '{"total_count":2}'
    assert json.dumps(alert["inference_time_ms"]) == "45"
    assert alert["created_at"].endswith("Z")
    with requests.get(f"{sqlite_api.url}/api/v1/{link}", timeout=10) as picture:
        assert (picture.status_code, picture.content) == (200, PICTURE)


def _link_start(api: LiveApi, saved: int, host: str) -> str:
    alert = api.get(f"{ALERTS}/{saved}", headers={"Host": host})["alert"]
    (listed,) = api.get(ALERTS, headers={"Host": host})["items"]
    start = str(alert["image_url"]).partition("/api/v1/")[0]
    assert str(listed["image_url"]).startswith(f"{start}/api/v1/files/alerts/")
    return start


def test_picture_link_uses_the_host_of_the_request_without_public_url(
    tmp_path: Path, open_on: OpenRuntime, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'easyai.db'}"
    migrate.upgrade(url)
    monkeypatch.setenv("EASYAI_HOST", "::")
    runtime = open_on(url)
    saved = _save_with_frame(runtime, folder, "1.jpg", carried=True)
    with LiveApi(create_app(runtime)) as api:
        assert _link_start(api, saved, "10.1.2.3:5066") == "http://10.1.2.3:5066"
        assert _link_start(api, saved, "[fd00::1]:5066") == "http://[fd00::1]:5066"
        assert _link_start(api, saved, "box") == "http://box"
        assert _link_start(api, saved, 'box"<b>') == "http://127.0.0.1:5066"
        monkeypatch.setenv("EASYAI_PUBLIC_URL", "https://easyai.example.com")
        with LiveApi(create_app(open_on(url))) as named:
            assert _link_start(named, saved, "10.1.2.3:5066") == "https://easyai.example.com"


def test_system_alert_has_an_empty_link_and_a_json_result(api: LiveApi, runtime: Runtime) -> None:
    _save(runtime, task_id="system", task_type="queue_backlog", result="of an earlier release")
    with runtime.db.write() as conn:
        result = system_result(
            "5000 frames wait", "积压 5000 帧", Reason.of("frames", n=5000), "backlog"
        )
        saved = alerts.add_system(conn, "queue_backlog", result, time.time(), for_bus=False)

    alert = api.get(f"{ALERTS}/{saved}")["alert"]
    listed = api.get(f"{ALERTS}?task_id=system")["items"]

    assert (alert["image_path"], alert["image_url"]) == ("", "")
    assert (alert["algorithm_id"], alert["algorithm_name"]) == ("system_monitor", "系统监控")
    assert (alert["confidence"], alert["task_type"]) == (1.0, "queue_backlog")
    decoded = [json.loads(item["result"]) for item in listed]
    assert decoded[0] == {
        "message": "5000 frames wait",
        "message_zh": "积压 5000 帧",
        "cause": "backlog",
        "code": "frames",
        "args": {"n": 5000},
    }
    assert decoded[1]["message"] == "of an earlier release"


@pytest.mark.parametrize("alert_id", [12345, 2**53 - 1])
def test_missing_alert_is_404_on_read_and_ok_on_delete(api: LiveApi, alert_id: int) -> None:
    assert api.error(404, "GET", f"{ALERTS}/{alert_id}") == "alert not found"
    answer = api.call("DELETE", f"{ALERTS}/{alert_id}")
    assert (answer.status_code, answer.json()) == (200, {"ok": True})


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_invalid_alert_id_is_refused(api: LiveApi, method: str) -> None:
    for wrong in ("abc", "0", "-1", str(2**53), "9" * 5000):
        assert api.error(400, method, f"{ALERTS}/{wrong}").startswith("id: ")


def test_deleting_an_alert_deletes_its_picture(
    api: LiveApi, runtime: Runtime, folder: Path
) -> None:
    gone = _save_with_frame(runtime, folder, "a.jpg", carried=True)
    kept = _save_with_frame(runtime, folder, "b.jpg", carried=True)

    assert api.call("DELETE", f"{ALERTS}/{gone}").json() == {"ok": True}

    assert api.error(404, "GET", f"{ALERTS}/{gone}") == "alert not found"
    assert api.get(f"{ALERTS}/{kept}")["alert"]["id"] == kept
    assert _pictures(folder) == ["b.jpg"]


def test_deleting_an_alert_deletes_a_picture_not_yet_moved(
    api: LiveApi, runtime: Runtime, folder: Path
) -> None:
    saved = _save_with_frame(runtime, folder, "a.jpg", carried=False)

    api.call("DELETE", f"{ALERTS}/{saved}").raise_for_status()

    assert _pictures(folder) == []
    with runtime.db.read() as conn:
        assert pictures_db.uncarried(conn, time.time(), 0, 10) == []


def test_missing_picture_does_not_stop_the_deletion_of_its_alert(
    api: LiveApi, runtime: Runtime, folder: Path
) -> None:
    saved = _save_with_frame(runtime, folder, "a.jpg", carried=True)
    (folder / "alerts/人数统计/门口2/a.jpg").unlink()
    forgotten = _save(runtime, image_path="alerts/x/y/never-there.jpg")

    answer = api.post(f"{ALERTS}/batch_delete", {"ids": [saved, forgotten]})

    assert answer == {"ok": True, "deleted_count": 2}


def test_deleting_an_alert_deletes_the_picture_of_a_forgotten_frame(
    api: LiveApi, runtime: Runtime, folder: Path
) -> None:
    place = folder / "alerts/t/c/old.jpg"
    place.parent.mkdir(parents=True)
    place.write_bytes(PICTURE)
    saved = _save(runtime, frame_id=987_654, image_path="alerts/t/c/old.jpg")

    api.call("DELETE", f"{ALERTS}/{saved}").raise_for_status()

    assert _pictures(folder) == []


def test_sweep_deletes_a_picture_that_the_store_refused_to_delete(
    api: LiveApi, runtime: Runtime, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from easyai.errors import StoreUnavailableError

    saved = _save_with_frame(runtime, folder, "a.jpg", carried=True)

    def refuse(key: str, version: str) -> None:
        raise StoreUnavailableError

    with monkeypatch.context() as trouble:
        trouble.setattr(runtime.store, "discard", refuse)
        assert api.call("DELETE", f"{ALERTS}/{saved}").json() == {"ok": True}
    assert _pictures(folder) == ["a.jpg"]

    picture_moves.carry_left_behind(runtime)
    assert _pictures(folder) == []


def test_batch_delete_counts_only_existing_alerts(api: LiveApi, runtime: Runtime) -> None:
    ids = [_save(runtime) for _ in range(4)]

    answer = api.post(f"{ALERTS}/batch_delete", {"ids": [ids[0], ids[2], ids[2], 999_999]})

    assert answer == {"ok": True, "deleted_count": 2}
    assert [item["id"] for item in api.get(ALERTS)["items"]] == [ids[3], ids[1]]


def test_batch_delete_accepts_the_largest_ids(api: LiveApi, runtime: Runtime) -> None:
    saved = _save(runtime)

    answer = api.post(f"{ALERTS}/batch_delete", {"ids": [saved, 2**31, 2**53 - 1]})

    assert answer == {"ok": True, "deleted_count": 1}


def test_batch_delete_refuses_anything_but_a_bounded_list_of_ids(sqlite_api: LiveApi) -> None:
    wrong: list[Any] = [
        None,
        [],
        {},
        {"ids": []},
        {"ids": 1},
        {"ids": ["1"]},
        {"ids": [True]},
        {"ids": [1.5]},
        {"ids": [0]},
        {"ids": [2**63]},
        {"ids": list(range(1, 1002))},
    ]
    for body in wrong:
        error = sqlite_api.error(400, "POST", f"{ALERTS}/batch_delete", json=body)
        assert error.startswith(("ids: ", "body: "))


def test_each_camera_with_alerts_is_listed_once(api: LiveApi, runtime: Runtime) -> None:
    for task_id in ("b", "a", "b"):
        _save(runtime, task_id=task_id)

    assert api.get(f"{ALERTS}/task_ids") == {"task_ids": ["a", "b"]}


def test_long_list_is_compressed_for_a_client_that_accepts_gzip(
    api: LiveApi, runtime: Runtime
) -> None:
    for _ in range(60):
        _save(runtime, result='{"detections": "' + "x" * 300 + '"}')

    packed = requests.get(f"{api.url}{ALERTS}?page_size=60", timeout=15)
    plain = api.call("GET", f"{ALERTS}?page_size=60", headers={"Accept-Encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
