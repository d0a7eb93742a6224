"""The gallery: alerts with what is drawn over them, filters, reviewed marks, deletion."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from easyai.dashboard.routes import alert_pages
from easyai.domain.alarm_as_alert import system_result
from easyai.domain.reason import Reason
from easyai.errors import DatabaseUnavailableError
from easyai.pipeline import alert_removal
from tests.integration.api.live import LiveApi
from tests.integration.dashboard.rows import CAMERA, DASHBOARD, TYPE, Rows

ALERTS = f"{DASHBOARD}/alerts"
PEOPLE = {"total_count": 1, "detections": [{"bbox": [64, 48, 128, 96], "class_name": "person"}]}


def _listed(api: LiveApi, query: str = "") -> list[int]:
    """The ids of a whole list, read part by part."""
    found: list[int] = []
    part = api.get(f"{ALERTS}?{query}")
    found += [item["id"] for item in part["items"]]
    while part["next"]:
        part = api.get(f"{ALERTS}?{query}&before={part['next']}")
        found += [item["id"] for item in part["items"]]
    return found


def test_item_has_boxes_in_fractions_of_its_picture(api: LiveApi, rows: Rows) -> None:
    rows.picture(
        f"{TYPE}/{CAMERA}/algo_config.json",
        json.dumps({"regions": [{"type": "line", "points": [[0, 0], [640, 480]]}]}).encode(),
    )
    alert = rows.alert(PEOPLE, image_path=rows.picture("alerts/1.jpg"))
    (item,) = api.get(ALERTS)["items"]
    assert item["size"] == [640, 480]
    (box,) = item["boxes"]
    assert (box["x"], box["y"], box["w"], box["h"]) == (0.1, 0.1, 0.1, 0.1)
    assert box["label"] == "person"
    assert item["regions"] == [{"kind": "line", "name": "", "points": [[0, 0], [1, 1]]}]
    assert item["thumb"] == f"{DASHBOARD}/thumbnails/alerts/{alert}"
    assert api.call("GET", item["picture"]).headers["content-type"] == "image/jpeg"
    assert item["reviewed"] is None


def test_system_alerts_are_neither_listed_nor_counted(api: LiveApi, rows: Rows) -> None:
    first = rows.alert()
    result = system_result("m", "z", Reason("name.cause_unknown"))
    rows.alert(task_id="system", task_type="queue_backlog", result=result, detection_count=0)
    last = rows.alert()
    found = api.get(ALERTS)
    assert [item["id"] for item in found["items"]] == [last, first]
    assert (found["total"], found["next"]) == (2, None)


def test_filters_choose_alerts(api: LiveApi, rows: Rows) -> None:
    now = time.time()
    early = rows.alert(task_id="a", detection_count=1, confidence=0.2, now=now - 1000)
    middle = rows.alert(task_type="人脸", algorithm_id="face", confidence=0.5, now=now - 500)
    late = rows.alert(task_id="b", detection_count=9, now=now)

    assert _listed(api, "task_id=b") == [late]
    assert _listed(api, "task_type=人脸") == [middle]
    assert _listed(api, "algorithm_id=face") == [middle]
    assert _listed(api, "min_confidence=0.5") == [late, middle]
    assert _listed(api, "min_detections=9") == [late]
    assert _listed(api, f"from={now - 600}&to={now - 400}") == [middle]
    assert _listed(api, "min_confidence=0.1&task_id=a") == [early]
    assert _listed(api, "min_confidence=0.9&task_type=人脸") == []
    assert _listed(api, "task_type=&task_id=&from=&to=&min_detections=&reviewed=&before=") == [
        late,
        middle,
        early,
    ]
    assert _listed(api, "page_size=1&min_confidence=0") == [late, middle, early]
    assert api.get(f"{ALERTS}/count?min_confidence=0.5") == {"count": 2, "next": None}
    assert api.get(f"{ALERTS}/count?reviewed=no&before={late}") == {"count": 2, "next": None}


@pytest.mark.parametrize(
    "query",
    ["min_confidence=x", "min_confidence=nan", "reviewed=maybe", "before=0", "task_typ=a", "to=x"],
)
def test_wrong_filter_is_refused_by_name(sqlite_api: LiveApi, query: str) -> None:
    error = sqlite_api.error(400, "GET", f"{ALERTS}?{query}")
    assert error.startswith(query.partition("=")[0])


def test_reviewed_mark_has_the_person_and_can_be_removed(api: LiveApi, rows: Rows) -> None:
    ids = [rows.alert() for _ in range(3)]
    marked = api.call("PUT", f"{ALERTS}/reviewed", json={"ids": ids[:2], "reviewed": True}).json()
    assert (marked["count"], marked["by"]) == (2, "local")
    again = api.call("PUT", f"{ALERTS}/reviewed", json={"ids": [*ids, 999], "reviewed": True})
    assert again.json()["count"] == 1
    item = api.get(f"{ALERTS}/{ids[0]}")
    assert item["reviewed"]["by"] == "local"
    api.call("PUT", f"{ALERTS}/reviewed", json={"ids": ids[1:], "reviewed": False})
    assert _listed(api, "reviewed=yes") == [ids[0]]
    assert _listed(api, "reviewed=no") == [ids[2], ids[1]]
    api.error(400, "PUT", f"{ALERTS}/reviewed", json={"ids": ids})
    api.call("POST", f"{ALERTS}/delete", json={"ids": [ids[0]]})
    assert rows.execute("SELECT * FROM alert_reviews") == []


def test_alert_shows_where_and_when_its_frame_was_sent(api: LiveApi, rows: Rows) -> None:
    frame = rows.frame("人数统计/门口2/1.jpg")
    ids = [rows.alert(), rows.alert(PEOPLE, frame_id=frame), rows.alert()]
    alert = api.get(f"{ALERTS}/{ids[1]}")
    assert alert["result"] == PEOPLE
    assert alert["request"]["image_path"] == "人数统计/门口2/1.jpg"
    assert alert["times"] == {"captured": 1.0, "found": 2.0, "leased": 3.0, "settled": 4.0}
    assert (alert["previous"], alert["following"]) == (ids[2], ids[0])
    api.error(404, "GET", f"{ALERTS}/12345")


def test_deletion_by_filter_is_previewed_and_spares_newer_alerts(api: LiveApi, rows: Rows) -> None:
    kept = rows.alert(task_id="other")
    gone = [rows.alert(image_path=rows.picture(f"alerts/{n}.jpg")) for n in range(3)]
    wanted = {"filter": {"task_id": CAMERA}}
    preview = api.post(f"{ALERTS}/delete", wanted | {"dry_run": True})
    assert preview == {"count": 3, "up_to": gone[-1], "left": False}
    newer = rows.alert()
    done = api.post(f"{ALERTS}/delete", wanted | {"up_to": preview["up_to"]})
    assert done == {"count": 3, "left": False}
    assert _listed(api) == [newer, kept]
    assert api.post(f"{ALERTS}/delete", wanted | {"dry_run": True})["up_to"] == newer
    assert not list(rows.folder.glob("alerts/*"))
    events = rows.execute("SELECT subject, text FROM events WHERE kind = 'operator_action'")
    assert [subject for subject, _ in events] == ["delete_alerts"]


def test_deletion_that_takes_too_long_goes_on_where_it_ended(
    api: LiveApi, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = alert_removal.delete_alerts

    def slow(*given: Any, **named: Any) -> int:
        time.sleep(0.3)
        return real(*given, **named)

    monkeypatch.setattr(alert_removal, "delete_alerts", slow)
    monkeypatch.setattr(alert_removal, "_CHOSEN_AT_ONCE", 3)
    monkeypatch.setattr(alert_pages, "_LIMIT_SEC", 0.2)
    ids = [rows.alert(task_id="other") for _ in range(5)]
    wanted = {"filter": {"task_id": "other"}}
    part = api.post(f"{ALERTS}/delete", wanted | {"up_to": ids[-1]})
    assert part == {"count": 3, "left": True, "next": ids[2] - 1}
    monkeypatch.undo()
    rest = api.post(f"{ALERTS}/delete", wanted | {"up_to": part["next"]})
    assert rest == {"count": 2, "left": False}


def test_deletion_by_filter_is_audited_before_the_first_alert_is_gone(
    api: LiveApi, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    alert = rows.alert()

    def killed(*_: object, **__: object) -> int:
        raise DatabaseUnavailableError

    monkeypatch.setattr(alert_removal, "delete_alerts", killed)
    api.error(503, "POST", f"{ALERTS}/delete", json={"filter": {}, "up_to": alert})
    events = rows.execute("SELECT subject FROM events WHERE kind = 'operator_action'")
    assert [subject for (subject,) in events] == ["delete_alerts"]


def test_other_changes_wait_for_no_long_deletion(
    sqlite_api: LiveApi, sqlite_rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    alert = sqlite_rows.alert()
    free, begun = threading.Event(), threading.Event()

    def slow(*_: object, **__: object) -> int:
        begun.set()
        free.wait(20)
        return 1

    monkeypatch.setattr(alert_removal, "delete_alerts", slow)
    body = {"filter": {}, "up_to": alert}
    with ThreadPoolExecutor() as pool:
        deletions = [pool.submit(sqlite_api.post, f"{ALERTS}/delete", body) for _ in range(3)]
        assert begun.wait(10)
        mark = {"ids": [alert], "reviewed": True}
        marked = sqlite_api.call("PUT", f"{ALERTS}/reviewed", json=mark)
        free.set()
    assert marked.json()["count"] == 1
    assert [done.result()["left"] for done in deletions] == [False] * 3


def test_deletion_with_a_misspelt_filter_deletes_nothing(
    sqlite_api: LiveApi, sqlite_rows: Rows
) -> None:
    alert = sqlite_rows.alert()
    wrong: list[Any] = [
        {"filter": {"task_idd": "x"}, "up_to": alert},
        {"filter": {}, "dry_rum": True},
        {"filter": {"reviewed": "maybe"}, "dry_run": True},
        {"filter": {}, "ids": [1]},
        {"filter": {}},
        {"filter": []},
        {"ids": []},
        {"ids": ["1"]},
        {},
        [],
    ]
    for body in wrong:
        sqlite_api.error(400, "POST", f"{ALERTS}/delete", json=body)
    assert _listed(sqlite_api) == [alert]
    assert sqlite_api.post(f"{ALERTS}/delete", {"ids": [alert, 9], "dry_run": True}) == {"count": 1}


def test_histogram_counts_alerts_by_time(api: LiveApi, rows: Rows) -> None:
    now = time.time()
    for age_sec in (10, 20, 4000, 90_000):
        rows.alert(now=now - age_sec)
    rows.alert(task_id="other", now=now - 30)
    found = api.get(f"{ALERTS}/histogram?hours=24&steps=24")
    assert (found["step_sec"], len(found["counts"]), found["estimated"]) == (3600, 24, False)
    assert sum(found["counts"]) == 4
    assert sum(found["counts"][-2:]) >= 3
    assert sum(api.get(f"{ALERTS}/histogram?task_id=other")["counts"]) == 1


def test_sizes_are_known_after_the_thumbnail_was_made(api: LiveApi, rows: Rows) -> None:
    alert = rows.alert(image_path=rows.picture("alerts/1.jpg"))
    assert api.get(f"{ALERTS}/sizes?ids={alert},99999") == {"sizes": {str(alert): [640, 480]}}
    api.error(400, "GET", f"{ALERTS}/sizes?ids=x")


def test_hostile_results_are_listed_without_boxes(api: LiveApi, rows: Rows) -> None:
    ids = []
    for text in ("", "nothing", "[" * 5000, '{"detections":[{"bbox":[1e400,2,3,"4"]}]}', "null"):
        ids.append(rows.alert(result=None))
        rows.execute("UPDATE alerts SET result = :text WHERE id = :id", text=text, id=ids[-1])
    assert _listed(api) == ids[::-1]
    for alert in ids:
        assert api.get(f"{ALERTS}/{alert}")["boxes"] == []


@pytest.mark.parametrize(
    "stored", ['{"name": "\\ud800"}', "[" * 400 + "]" * 400], ids=["surrogate", "deep"]
)
def test_result_that_no_answer_can_carry_is_shown_as_text(
    api: LiveApi, rows: Rows, stored: str
) -> None:
    alert = rows.alert()
    rows.execute("UPDATE alerts SET result = :stored", stored=stored)
    assert api.get(f"{ALERTS}/{alert}")["result"] == stored
