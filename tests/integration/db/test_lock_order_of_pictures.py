"""Every change of settled frames and alerts locks them in the same order (docs, "Locks")."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from sqlalchemy import Connection, text

from easyai.db import frames, history, outbox
from easyai.db.locks import lock_in_order
from easyai.pipeline.alert_removal import delete_alerts
from easyai.pipeline.picture_moves import CarriedOut, PictureMove, record
from easyai.runtime import Runtime
from tests.integration.db.contention import (
    migrated_url,
    quick_to_find_deadlocks,
    run_against_each_other,
)
from tests.support.site import Installation

__all__ = ["migrated_url"]
_FRAMES = 40
_SOME = 12  # frames or alerts per transaction
_READY = text("""
    UPDATE frames SET state = 'done', outcome = 'alert', settled_at = 1, image_path = NULL,
                      image_target = 'alerts/' || id || '.jpg'
""")
_ALERTS = text("""
    INSERT INTO alerts (frame_id, task_id, task_type, image_path, algorithm_id, algorithm_name,
                        result, confidence, detection_count, inference_time_ms, created_at,
                        updated_at)
    SELECT id, task_id, task_type, 'alerts/' || id || '.jpg', 'a', 'a', '{}', 0.5, 1, 1, 1, 1
      FROM frames WHERE NOT EXISTS (SELECT 1 FROM alerts WHERE frame_id = frames.id)
""")


@pytest.fixture
def busy(site: Installation) -> Iterator[Installation]:
    """A site with settled frames and their alerts."""
    site.record(_FRAMES)
    with quick_to_find_deadlocks(site):
        yield site


def _ids(conn: Connection, table: str) -> list[int]:
    found = list(conn.execute(text(f"SELECT id FROM {table}")).scalars())
    return random.sample(found, min(_SOME, len(found)))


def _anew(runtime: Runtime) -> Callable[[], None]:
    """Let the pictures of all frames wait for a move, and restore their alerts."""

    def change() -> None:
        with runtime.db.write() as conn:
            lock_in_order(conn, "frames", conn.execute(text("SELECT id FROM frames")).scalars())
            lock_in_order(conn, "alerts", conn.execute(text("SELECT id FROM alerts")).scalars())
            conn.execute(_READY)
            conn.execute(_ALERTS)
        time.sleep(0.02)

    return change


def _carrier(runtime: Runtime) -> Callable[[], None]:
    """Record pictures as moved, missing, replaced, or in need of another name."""

    def change() -> None:
        with runtime.db.write() as conn:
            ids = _ids(conn, "frames")
            done, missing, replaced, renamed = (ids[start::4] for start in range(4))
            carried = CarriedOut(
                done={id_: _target(id_) for id_ in done},
                missing={id_: _target(id_) for id_ in missing},
                replaced={id_: _target(id_) for id_ in replaced},
                taken=[
                    (move := PictureMove(id_, "k.jpg", _target(id_), "1"), move.renamed())
                    for id_ in renamed
                ],
            )
            record(conn, carried, time.time())

    return change


def _target(frame_id: int) -> str:
    return f"alerts/{frame_id}.jpg"


def _of(
    runtime: Runtime, table: str, change: Callable[[Connection, Sequence[int]], object]
) -> Callable[[], None]:
    def run() -> None:
        with runtime.db.write() as conn:
            change(conn, _ids(conn, table))

    return run


def _deletion(runtime: Runtime) -> Callable[[], None]:
    def change() -> None:
        with runtime.db.read() as conn:
            ids = _ids(conn, "alerts")
        delete_alerts(runtime, ids)

    return change


def test_transactions_on_pictures_alerts_and_history_do_not_deadlock(busy: Installation) -> None:
    jobs = [_anew(busy.open()), _carrier(busy.open()), _carrier(busy.open())]
    jobs += [_deletion(busy.open()), _deletion(busy.open())]
    jobs += [
        _of(busy.open(), "alerts", lambda conn, ids: outbox.acknowledged(conn, ids, 1.0)),
        _of(busy.open(), "frames", lambda conn, ids: frames.bring_back(conn, ids, 1.0)),
        _of(busy.open(), "frames", lambda conn, ids: history.forget_frames(conn, ids[:1])),
    ]
    run_against_each_other(busy, jobs)
