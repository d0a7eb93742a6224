"""Incidents are listed with what people did about them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from easyai.db import alarms, incidents, mutes
from easyai.domain.alarm_cause import found_cause
from easyai.domain.mute import Mute, Scope
from easyai.domain.reason import Reason
from tests.integration.api.live import LiveApi
from tests.integration.dashboard.rows import DASHBOARD, Rows

INCIDENTS, MUTES = f"{DASHBOARD}/incidents", f"{DASHBOARD}/mutes"
NOW = time.time()
SAID = Reason.of("span", sec=180.0)


def _raise(rows: Rows, kind: str, subject: str = "", *, over: bool = False) -> int:
    """An alarm that began a minute ago; returns its id."""
    with rows.runtime.db.write() as conn:
        cause = found_cause("no_service")
        alarms.record_notification(conn, kind, subject, cause, NOW - 60, NOW - 50, NOW, SAID)
        number = incidents.page(conn, 1)[0].id
        if over:
            alarms.record_end(conn, kind, subject, NOW - 60, NOW - 30)
    return int(number)


def test_ringing_alarms_come_first_and_the_list_goes_on(api: LiveApi, rows: Rows) -> None:
    rings = _raise(rows, "no_algorithm", "人脸")
    over = [_raise(rows, "store_down", over=True) for _ in range(60)]
    first = api.get(f"{INCIDENTS}?lang=zh")
    item = first["items"][0]
    assert (item["id"], item["kind"], item["subject"]) == (rings, "no_algorithm", "人脸")
    assert (item["said"], item["severity"], item["over_at"]) == ("3 分钟", "bad", None)
    assert [entry["id"] for entry in first["items"][1:]] == over[:-51:-1]
    rest = api.get(f"{INCIDENTS}?before={first['next']}")
    assert [entry["id"] for entry in rest["items"]] == [*over[9::-1], rings]
    assert rest["next"] is None


def test_alarm_of_the_release_before_shows_its_cause(api: LiveApi, rows: Rows) -> None:
    number = _raise(rows, "no_algorithm")
    rows.execute("UPDATE alarms SET reason_code = NULL, reason_args = NULL")
    assert api.get(f"{INCIDENTS}/{number}")["text"]
    rows.execute("UPDATE alarms SET cause = '', cause_code = NULL, cause_args = NULL")
    assert api.get(f"{INCIDENTS}/{number}")["text"] == "no algorithm"


def test_report_is_returned_in_the_language(api: LiveApi, rows: Rows) -> None:
    number = _raise(rows, "no_algorithm", "人脸")
    assert api.get(f"{INCIDENTS}/{number}")["report"] is None
    with rows.runtime.db.write() as conn:
        incidents.keep_report(conn, "no_algorithm", "人脸", {"en": "# Why", "zh": "# 原因"})
        incidents.keep_report(conn, "no_algorithm", "人脸", {"en": "# later"})
    assert api.get(f"{INCIDENTS}/{number}?lang=zh")["report"] == "# 原因"
    assert api.get(f"{INCIDENTS}/{number}")["report"] == "# Why"
    api.error(404, "GET", f"{INCIDENTS}/999")


def test_first_person_who_acknowledges_counts(api: LiveApi, rows: Rows) -> None:
    number = _raise(rows, "store_down")
    first = api.post(f"{INCIDENTS}/{number}/acknowledge")["acknowledged"]
    assert api.post(f"{INCIDENTS}/{number}/acknowledge")["acknowledged"] == first
    assert api.get(f"{INCIDENTS}/{number}")["acknowledged"] == first
    assert len(rows.execute("SELECT 1 FROM events WHERE kind = 'operator_action'")) == 1
    api.error(404, "POST", f"{INCIDENTS}/999/acknowledge")


def test_notes_are_kept_in_order_and_bounded(api: LiveApi, rows: Rows) -> None:
    number = _raise(rows, "store_down")
    for words in ("<b>look</b>", "第二"):
        api.post(f"{INCIDENTS}/{number}/notes", {"text": words})
    notes = api.get(f"{INCIDENTS}/{number}")["notes"]
    assert [note["text"] for note in notes] == ["<b>look</b>", "第二"]
    for wrong in ("", " ", "x" * 2001, "\0", 5, None):
        api.error(400, "POST", f"{INCIDENTS}/{number}/notes", json={"text": wrong})
    api.error(404, "POST", f"{INCIDENTS}/999/notes", json={"text": "x"})


def test_notes_and_reports_go_with_their_alarm_while_an_older_alarm_rings(rows: Rows) -> None:
    kinds = ("store_down", "bus_down", "disk_low")
    rings, deleted, kept = [_raise(rows, kind, over=kind == "bus_down") for kind in kinds]
    with rows.runtime.db.write() as conn:
        for number, kind in zip((rings, deleted, kept), kinds, strict=True):
            incidents.add_note(conn, number, incidents.Note("li", NOW, "seen"))
            incidents.keep_report(conn, kind, "", {"en": "# Why"})
    rows.execute(f"DELETE FROM alarms WHERE id = {deleted}")
    with rows.runtime.db.write() as conn:
        assert incidents.trim(conn) == 2
        assert set(incidents.notes(conn, [rings, deleted, kept])) == {rings, kept}
        assert [bool(incidents.reports(conn, each)) for each in (rings, deleted, kept)] == [
            True,
            False,
            True,
        ]


def test_mute_is_shown_audited_and_ended(api: LiveApi, rows: Rows) -> None:
    number = _raise(rows, "no_algorithm", "人脸")
    body = {"scope": "task_type", "value": "人脸", "for_sec": 3600}
    made = api.post(MUTES, body)
    listed = api.get(INCIDENTS)
    assert listed["items"][0]["muted_until"] == made["until"] > time.time() + 3500
    assert [(mute["id"], mute["value"]) for mute in listed["mutes"]] == [(made["id"], "人脸")]
    assert api.call("DELETE", f"{MUTES}/{made['id']}").status_code == 200
    assert api.get(f"{INCIDENTS}/{number}")["muted_until"] is None
    api.error(404, "DELETE", f"{MUTES}/{made['id']}")
    audited = rows.execute("SELECT subject FROM events WHERE kind = 'operator_action' ORDER BY id")
    assert [subject for (subject,) in audited] == ["mute", "unmute"]


def test_incident_is_muted_by_its_id(api: LiveApi, rows: Rows) -> None:
    number, other = _raise(rows, "no_algorithm", "人脸"), _raise(rows, "store_down")
    api.post(MUTES, {"scope": "incident", "value": number, "for_sec": 60})
    assert api.get(f"{INCIDENTS}/{number}")["muted_until"]
    assert api.get(f"{INCIDENTS}/{other}")["muted_until"] is None
    api.error(404, "POST", MUTES, json={"scope": "incident", "value": 999, "for_sec": 60})


def test_mute_of_an_incident_ends_with_it_and_does_not_cover_a_later_one_of_the_same_kind(
    api: LiveApi, rows: Rows
) -> None:
    number = _raise(rows, "store_down")
    api.post(MUTES, {"scope": "incident", "value": number, "for_sec": 60})
    api.post(MUTES, {"scope": "kind", "value": "no_algorithm", "for_sec": 60})
    assert [mute["scope"] for mute in api.get(INCIDENTS)["mutes"]] == ["incident", "kind"]
    with rows.runtime.db.write() as conn:
        alarms.record_end(conn, "store_down", "", NOW - 60, NOW - 30)
    assert [mute["scope"] for mute in api.get(INCIDENTS)["mutes"]] == ["kind"]
    later = _raise(rows, "store_down")
    assert api.get(f"{INCIDENTS}/{later}")["muted_until"] is None


def test_incident_that_is_over_cannot_be_muted(sqlite_api: LiveApi, sqlite_rows: Rows) -> None:
    number = _raise(sqlite_rows, "store_down", over=True)
    body = {"scope": "incident", "value": number, "for_sec": 60}
    error = sqlite_api.error(400, "POST", MUTES, json=body)
    assert "is over" in error
    assert sqlite_rows.execute("SELECT * FROM mutes") == []


def test_mute_of_a_name_in_decomposed_form_covers_the_name(
    sqlite_api: LiveApi, sqlite_rows: Rows
) -> None:
    number = _raise(sqlite_rows, "no_algorithm", "caf\u00e9")
    body = {"scope": "task_type", "value": "cafe\u0301", "for_sec": 60}
    made = sqlite_api.post(MUTES, body)
    assert sqlite_api.get(f"{INCIDENTS}/{number}")["muted_until"] == made["until"]


def test_mutes_in_force_are_bounded(sqlite_api: LiveApi, sqlite_rows: Rows) -> None:
    with sqlite_rows.runtime.db.write() as conn:
        for number in range(200):
            until = time.time() + (60 if number else -60)
            mutes.add(conn, Mute(Scope.CAMERA, str(number), until, "li", NOW))
    body = {"scope": "kind", "value": "store_down", "for_sec": 60}
    sqlite_api.post(MUTES, body)
    assert "at most 200" in sqlite_api.error(400, "POST", MUTES, json=body)


@pytest.mark.parametrize(
    "change",
    [
        {"scope": "all"},
        {"scope": None},
        {"value": ""},
        {"value": 5},
        {"value": "recovered"},
        {"for_sec": 0},
        {"for_sec": 10**9},
        {"for_sec": "60"},
        {"other": 1},
        {"scope": "incident", "value": "x"},
    ],
    ids=str,
)
def test_wrong_mute_is_refused(
    sqlite_api: LiveApi, sqlite_rows: Rows, change: dict[str, Any]
) -> None:
    body = {"scope": "kind", "value": "store_down", "for_sec": 60} | change
    sqlite_api.error(400, "POST", MUTES, json=body)
    assert sqlite_rows.execute("SELECT * FROM mutes") == []
