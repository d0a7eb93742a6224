"""Failed and parked frames are listed whatever their number, and brought back or given up."""

from __future__ import annotations

from typing import Any

import pytest

from easyai.db import frame_counts, kept_frames
from easyai.domain.frame import FrameState
from tests.integration.api.live import LiveApi
from tests.integration.dashboard.rows import CAMERA, DASHBOARD, TYPE, Rows

FRAMES = f"{DASHBOARD}/frames"


def _failed(rows: Rows, number: int, **given: Any) -> int:
    reason = {"reason_code": "call.http_status", "reason_args": '{"status":500}'}
    values = {"state": "failed", "settled_at": float(number // 3), "outcome": "failed"}
    return rows.frame(f"k{number}", **values, **reason, reason="HTTP status 500", **given)


def _listed(api: LiveApi, query: str) -> list[int]:
    found: list[int] = []
    before = ""
    while True:
        part = api.get(f"{FRAMES}?{query}&before={before}")
        found += [item["id"] for item in part["items"]]
        if not part["next"]:
            return found
        before = part["next"]


def test_failed_frames_are_listed_newest_first_with_their_reason(api: LiveApi, rows: Rows) -> None:
    ids = [_failed(rows, n, task_type=("人脸", TYPE)[n % 2]) for n in range(130)]
    part = api.get(f"{FRAMES}?state=failed&lang=zh")
    assert part["counts"] == {"人脸": 65, TYPE: 65}
    assert part["items"][0]["reason"] == "HTTP 状态码 500"
    assert part["items"][0]["thumb"]
    by_time = sorted(ids, key=lambda number: ((number - ids[0]) // 3, number), reverse=True)
    assert _listed(api, "state=failed") == by_time
    assert _listed(api, "state=failed&task_type=人脸") == [i for i in by_time if i in ids[::2]]
    assert _listed(api, "state=parked") == []


def test_frames_are_counted_up_to_a_number_that_falls_with_more_types(
    api: LiveApi, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_counts, "_UP_TO", (5, 3, 2))
    monkeypatch.setattr(frame_counts, "_ENTRIES", 6)
    for number in range(9):
        _failed(rows, number)
    part = api.get(f"{FRAMES}?state=failed")
    assert (part["counts"], part["counted_up_to"]) == ({TYPE: 5}, 5)
    for number in range(2):
        _failed(rows, 10 + number, task_type=("人脸", "烟雾")[number])
    part = api.get(f"{FRAMES}?state=failed")
    assert (part["counts"], part["counted_up_to"]) == ({"人脸": 1, "烟雾": 1, TYPE: 2}, 2)
    system = api.get(f"{DASHBOARD}/system")
    assert (system["queues"]["failed"], system["counted_up_to"]["failed"]) == (part["counts"], 2)
    assert (system["queues"]["waiting"], system["counted_up_to"]["waiting"]) == ({}, 5)


def test_words_of_a_service_are_shown_as_its_words_in_each_language(
    sqlite_api: LiveApi, sqlite_rows: Rows
) -> None:
    values = {"state": "failed", "outcome": "failed", "reason": "too dark"}
    sqlite_rows.frame("k", **values, reason_code="call.refused", reason_args='{"error":"too dark"}')
    shown = {
        lang: sqlite_api.get(f"{FRAMES}?state=failed&lang={lang}")["items"][0]["reason"]
        for lang in ("en", "zh")
    }
    assert shown == {"en": "refused by its service: too dark", "zh": "服务拒绝，原文：too dark"}


@pytest.mark.parametrize("read", [1, 7, 4096])
def test_frames_of_a_camera_are_listed_in_bounded_parts(
    api: LiveApi, rows: Rows, monkeypatch: pytest.MonkeyPatch, read: int
) -> None:
    monkeypatch.setattr(kept_frames, "_READ", read)
    ids = [
        rows.frame(
            f"k{n}",
            state="parked",
            due_at=float(n),
            settled_at=None,
            outcome=None,
            task_type=("人脸", TYPE)[n % 2],
            task_id=("c1", "c2")[n % 3 == 0],
        )
        for n in range(20)
    ]
    assert _listed(api, "state=parked&task_id=c2") == ids[18::-3]
    assert _listed(api, f"state=parked&task_id=c2&task_type={TYPE}") == ids[15::-6]
    api.error(400, "GET", f"{FRAMES}?before=x")
    api.error(400, "GET", f"{FRAMES}?state=done")


def test_requeue_is_previewed_and_audited(api: LiveApi, rows: Rows) -> None:
    ids = [_failed(rows, n) for n in range(3)]
    _failed(rows, 9, task_type="人脸")
    preview = api.post(f"{FRAMES}/requeue", {"task_type": TYPE, "dry_run": True})
    assert (preview["count"], preview["by_task_type"]) == (3, {TYPE: 3})
    assert len(_listed(api, "state=failed")) == 4
    done = api.post(f"{FRAMES}/requeue", {"ids": ids[:2]})
    assert done["count"] == 2
    assert len(_listed(api, "state=failed")) == 2
    (text,) = rows.execute("SELECT text FROM events WHERE kind = 'operator_action'")
    assert "requeued 2 failed frames" in text[0]
    refused: list[Any] = [{"ids": []}, {"task_typ": TYPE}, {"dry_run": 1}, {"reason": 5}, []]
    for wrong in refused:
        api.error(400, "POST", f"{FRAMES}/requeue", json=wrong)


def test_discard_is_previewed_by_camera(api: LiveApi, rows: Rows) -> None:
    for number in range(3):
        key = rows.picture(f"{TYPE}/{CAMERA}/{number}.jpg")
        version = rows.runtime.store.version(key)
        values = {"state": "parked", "settled_at": None, "outcome": None, "version": version}
        rows.frame(key, **values)
    preview = api.post(f"{FRAMES}/discard", {"task_type": TYPE, "dry_run": True})
    assert (preview["count"], preview["by_camera"]) == (3, {CAMERA: 3})
    done = api.post(f"{FRAMES}/discard", {"task_type": TYPE, "task_id": CAMERA})
    assert (done["count"], done["waiting"]) == (3, 0)
    assert not list(rows.folder.rglob("*.jpg"))
    counted = rows.execute("SELECT outcome, frames FROM camera_hours")
    assert [tuple(row) for row in counted] == [("discarded", 3)]
    api.error(400, "POST", f"{FRAMES}/discard", json={})


def test_page_of_frames_reads_no_other_frames(rows: Rows) -> None:
    with rows.runtime.db.read() as conn:
        assert kept_frames.page(conn, FrameState.FAILED, 50) == ([], None)


@pytest.mark.parametrize(
    "before", ["1:-99999999999999999999", f"1:{2**63}", "nan:1", "inf:1", "x", "1"]
)
def test_place_that_no_list_has_is_refused_with_the_remedy(
    sqlite_api: LiveApi, before: str
) -> None:
    answer = sqlite_api.error(400, "GET", f"{DASHBOARD}/frames?state=failed&before={before}")
    assert "before: send `next`" in str(answer)
