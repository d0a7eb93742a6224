"""Alerts of a camera go to the bus in order, with as few round trips as that needs."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from easyai.publish.outbox_sender import waves


class Row(NamedTuple):
    """The fields that `waves` reads."""

    id: int
    task_id: str


@given(st.lists(st.sampled_from("abcde")))
def test_wave_holds_each_camera_once_after_its_older_alerts(cameras: str) -> None:
    rows: Any = [Row(number, camera) for number, camera in enumerate(cameras)]
    made = list(waves(rows))
    assert sorted(row.id for wave in made for row in wave) == list(range(len(rows)))
    for wave in made:
        assert len({row.task_id for row in wave}) == len(wave)
    for camera in set(cameras):
        ids = [row.id for wave in made for row in wave if row.task_id == camera]
        assert ids == sorted(ids)
    # No more waves than needed: each is a round trip.
    assert len(made) == max((list(cameras).count(camera) for camera in set(cameras)), default=0)
