"""The trial of an open breaker uses the frames that prove most."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection

from easyai.db import waiting
from easyai.db.waiting import PendingFrame
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation

POISON = "坏门"
_ON_TRIAL = "UPDATE services SET breaker_open_until = 1, breaker_pause_sec = 5"


@pytest.mark.parametrize(("backlog", "state"), [(30, "pending"), (2100, "parked")])
def test_breaker_trial_uses_a_camera_that_has_not_failed(
    site: Installation, backlog: int, state: str
) -> None:
    with AlgorithmStub() as stub:
        pk = site.register(stub)
        site.record(backlog, camera=POISON)
        site.execute("UPDATE frames SET tries = 1, last_failure_at = 1000 WHERE id = 1")
        site.record(1, camera="门口1")
        site.execute("UPDATE frames SET state = :state", state=state)
        site.execute(_ON_TRIAL)
        (tried,) = site.lease(most=4).frames
        assert tried.task_id == "门口1"
        assert tried.service_pk == pk


def test_breaker_trial_uses_the_camera_that_failed_longest_ago(site: Installation) -> None:
    with AlgorithmStub() as stub:
        site.register(stub)
        cameras = [POISON, "门口1", "门口2"]
        for age, camera in enumerate(cameras):
            site.record(3, camera=camera)
            site.execute(
                "UPDATE frames SET tries = 1, last_failure_at = :at WHERE task_id = :camera",
                at=1000.0 - age,
                camera=camera,
            )
        site.execute(_ON_TRIAL)
        (tried,) = site.lease(most=4).frames
        assert tried.task_id == "门口2", "it failed longest ago"


def test_trial_frames_are_queried_only_for_types_of_the_worker(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query costs milliseconds per type, which each dispatch of other workers would pay."""
    asked, for_trial = [], waiting.for_trial

    def note(conn: Connection, task_type: str, *rest: Any) -> list[PendingFrame]:
        asked.append(task_type)
        return for_trial(conn, task_type, *rest)

    monkeypatch.setattr(waiting, "for_trial", note)
    with AlgorithmStub() as stub:
        site.register(stub)
        site.record(3)
        site.execute(_ON_TRIAL)
        assert not site.lease("绊线检测").frames
        assert asked == []
        assert site.lease().frames
        assert asked == [TYPE]
