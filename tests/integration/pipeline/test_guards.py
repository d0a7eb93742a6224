"""Conditions in statements that keep two workers from undoing each other's work."""

from __future__ import annotations

import time

from easyai.db import alerts, outbox, pictures
from tests.support.site import Installation


def test_replaced_picture_move_is_not_recorded_as_done(site: Installation) -> None:
    site.record(2)
    first, second = (frame["id"] for frame in site.frames())
    target = "UPDATE frames SET image_target = :target WHERE id = :id"
    site.execute(target, target="failed/new.jpg", id=first)  # requeued and settled again meanwhile
    site.execute(target, target="alerts/its.jpg", id=second)
    with site.runtime.db.write() as conn:
        pictures.carried(conn, {first: "alerts/old.jpg", second: "alerts/its.jpg"})
    assert [(frame["image_path"], frame["image_target"]) for frame in site.frames()] == [
        (None, "failed/new.jpg"),
        ("alerts/its.jpg", None),
    ]


def test_alerts_newer_than_the_batch_limit_wait_for_the_next_batch(
    site: Installation,
) -> None:
    def save(camera: str) -> None:
        row = {
            "frame_id": None,
            "task_id": camera,
            "task_type": "t",
            "image_path": "",
            "algorithm_id": "a",
            "algorithm_name": "a",
            "result": "{}",
            "confidence": 0.0,
            "detection_count": 1,
            "inference_time_ms": 1.0,
            "now": time.time(),
        }
        with site.runtime.db.write() as conn:
            alerts.add(conn, [row], for_bus=True)

    save("a")
    save("b")
    with site.runtime.db.write() as conn:
        newest = outbox.newest(conn)
    assert newest is not None
    save("a")
    with site.runtime.db.write() as conn:
        waiting = outbox.waiting(conn, newest, 10, 1_000_000)
        after = outbox.waiting(conn, newest + 1, 10, 1_000_000)
    assert [row.task_id for row in waiting] == ["a", "b"]
    assert [row.task_id for row in after] == ["a", "b", "a"]
