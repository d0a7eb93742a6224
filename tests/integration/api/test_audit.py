"""Each change by an operator is recorded: who, what and when."""

from __future__ import annotations

import logging
import time

import pytest
from sqlalchemy import insert, text

from easyai.db import recorded_frames, task_types
from easyai.db.models import Alert
from easyai.db.recorded_frames import NewFrame
from easyai.domain.actor import OPERATOR, Actor
from easyai.domain.reason import Reason
from easyai.messages.catalogue import text as text_of
from easyai.messages.terms import kind_name
from tests.integration.api.anywhere import ELSEWHERE, Site
from tests.integration.api.live import ALERTS, ANALYSIS

LOCAL = "127.0.0.1"


def _noted(site: Site) -> list[tuple[str, str]]:
    sql = "SELECT subject, text, at FROM events WHERE kind = 'operator_action' ORDER BY id"
    with site.runtime.db.read() as conn:
        rows = list(conn.execute(text(sql)))
    assert all(abs(row.at - time.time()) < 60 for row in rows)
    return [(row.subject, row.text) for row in rows]


def _alerts(site: Site, count: int) -> list[int]:
    alert = {"task_id": "c", "task_type": "t", "image_path": "", "result": "{}", "confidence": 1.0}
    alert |= {"algorithm_id": "a", "algorithm_name": "a", "detection_count": 1}
    alert |= {"inference_time_ms": 1.0, "created_at": 1.0, "updated_at": 1.0}
    with site.runtime.db.write() as conn:
        conn.execute(insert(Alert), [alert] * count)
        return [row.id for row in conn.execute(text("SELECT id FROM alerts ORDER BY id"))]


def _wait(site: Site, task_type: str) -> None:
    new = NewFrame(f"{task_type}/门口1/1.jpg", task_type, "门口1", "v1", 1.0, None)
    with site.runtime.db.write() as conn:
        task_types.add(conn, [task_type], time.time())
        recorded_frames.add(conn, [new], time.time())


def test_operator_actions_are_recorded_in_events_and_log(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    token = site.token()
    for number in (1, 2, 3):
        site.register(ELSEWHERE, f"yolo{number}", f"http://{ELSEWHERE}:{number}/infer")
    ids = _alerts(site, 3)

    def ask(method: str, path: str, address: str, json: object = None, **headers: str) -> None:
        assert site.ask(method, path, address, json, **headers)[0] == 200, path

    ask("DELETE", f"{ANALYSIS}/unregister/yolo1", ELSEWHERE)
    ask("DELETE", f"{ANALYSIS}/unregister/yolo2", "10.0.0.9", Authorization=token)
    ask("POST", f"{ANALYSIS}/clear_all", LOCAL)
    ask("POST", f"{ANALYSIS}/inference_stats/reset", ELSEWHERE, Authorization=token)
    ask("DELETE", f"{ALERTS}/{ids[0]}", LOCAL)
    ask("POST", f"{ALERTS}/batch_delete", LOCAL, {"ids": ids})
    typo = {"task_type": "人数统记"}
    _wait(site, typo["task_type"])
    ask("POST", f"{ANALYSIS}/frames/discard", LOCAL, typo | {"dry_run": True})
    ask("POST", f"{ANALYSIS}/frames/discard", ELSEWHERE, typo, Authorization=token)

    here, there = f"from this machine ({LOCAL})", f"from {ELSEWHERE}"
    with_token = "with the operator's token"
    assert _noted(site) == [
        ("unregister", f"{there} without a token: unregistered 1 endpoint of yolo1"),
        ("unregister", f"from 10.0.0.9 {with_token}: unregistered 1 endpoint of yolo2"),
        ("clear_all", f"{here}: unregistered 1 endpoint of yolo3"),
        ("reset", f"{there} {with_token}: reset the statistics of inference"),
        ("delete_alerts", f"{here}: deleted 1 alert: {ids[0]}"),
        ("delete_alerts", f"{here}: deleted 2 alerts: {ids[1]}, {ids[2]}"),
        ("discard", f"{there} {with_token}: gives up 1 waiting frame: 人数统记/*"),
    ]
    logged = [
        record.message for record in caplog.records if record.message.startswith("operator action")
    ]
    assert len(logged) == 7
    assert logged[1].startswith(
        "operator action: action=unregister address=10.0.0.9 token=operator local=no"
    )
    assert token.partition(" ")[2] not in caplog.text


def test_refused_or_ineffective_actions_are_not_recorded(site: Site) -> None:
    site.register("10.0.0.8", "yolo", "http://10.0.0.8:1/infer")
    for method, path in (
        ("POST", f"{ANALYSIS}/clear_all"),
        ("DELETE", f"{ANALYSIS}/unregister/yolo"),
        ("DELETE", f"{ALERTS}/1"),
    ):
        assert site.ask(method, path, ELSEWHERE)[0] == 403
    assert site.ask("DELETE", f"{ALERTS}/1", LOCAL)[0] == 200  # deleting a missing alert succeeds
    nothing = {"task_type": "人数统记"}
    assert site.ask("POST", f"{ANALYSIS}/frames/discard", LOCAL, nothing)[0] == 200

    assert _noted(site) == []


def test_operator_action_is_shown_in_chinese() -> None:
    actor = Actor("10.0.0.9", OPERATOR)
    endpoints = Reason.of("action.endpoints", n=2, services=("yolo",))
    done = Reason.of("action.unregistered", endpoints=endpoints)
    noted = Reason.of("action.noted", actor=actor.origin, done=done)
    assert text_of(noted, "zh") == "来自 10.0.0.9，使用操作员令牌：注销了 2 个地址，属于 yolo"
    assert text_of(kind_name("operator_action"), "zh") == "操作员操作"
