"""A frame that failed, its requeue, and its inference afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from easyai.db import alert_lists
from easyai.db.alert_filter import AlertFilter
from easyai.pipeline.intake import scan
from easyai.runtime import Runtime
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.installation import CAMERA, TYPE, Installation
from tests.support.pumping import PumpedLoop
from tests.support.waiting import wait_until

KEY = f"{TYPE}/{CAMERA}/20251114-164712.618.jpg"
PICTURE = b"\xff\xd8 a picture \xff\xd9"


@pytest.fixture
def inference(runtime: Runtime) -> Iterator[PumpedLoop]:
    """The inference of a worker process."""
    loop = PumpedLoop(runtime)
    yield loop
    loop.drain(5)


@pytest.fixture
def refused(
    installation: Installation,
    runtime: Runtime,
    inference: PumpedLoop,
    algorithm: AlgorithmStub,
    monkeypatch: pytest.MonkeyPatch,
) -> int:
    """A frame that the algorithm refused: failed, its picture under failed/."""
    installation.service("stub", endpoint=algorithm.endpoint)
    picture = installation.folder / "snapshots" / KEY
    picture.parent.mkdir(parents=True)
    picture.write_bytes(PICTURE)
    accept = algorithm.answer
    algorithm.answer = lambda frame: (200, {"success": False, "error": "no face"})
    assert scan(runtime).new_frames == 1
    for _ in range(3):
        installation.execute("UPDATE frames SET due_at = 0")
        inference.pump(TYPE, 5)
    algorithm.answer = accept
    wait_until(lambda: installation.row(1).image_path == f"failed/{KEY}", what="kept under failed/")
    return 1


def test_a_requeued_frame_becomes_an_alert_with_its_picture(
    installation: Installation, runtime: Runtime, inference: PumpedLoop, refused: int
) -> None:
    assert installation.row(refused).state == "failed"
    result = installation.run("requeue", "--task-type", TYPE, "--since", "2h")
    assert result.exit_code == 0, result.output
    assert scan(runtime).new_frames == 0
    inference.pump(TYPE, 5)
    wait_until(lambda: installation.row(refused).image_path == f"alerts/{KEY}", what="beside alert")
    row = installation.row(refused)
    assert (row.state, row.outcome, row.reason) == ("done", "alert", None)
    assert row.requeued_at is None, "it waits no more"
    store = installation.folder / "snapshots"
    assert (store / "alerts" / KEY).read_bytes() == PICTURE
    assert list(store.rglob("*.jpg")) == [store / "alerts" / KEY]
    with runtime.db.read() as conn:
        saved, total, _ = alert_lists.page(conn, AlertFilter(), 10)
    assert (total, saved[0].frame_id, saved[0].image_path) == (1, refused, f"alerts/{KEY}")


def test_a_frame_that_fails_again_can_be_requeued_again(
    installation: Installation,
    inference: PumpedLoop,
    algorithm: AlgorithmStub,
    refused: int,
) -> None:
    algorithm.answer = lambda frame: (200, {"success": False, "error": "still no face"})
    assert installation.run("requeue").exit_code == 0
    for _ in range(3):
        installation.execute("UPDATE frames SET due_at = 0")
        inference.pump(TYPE, 5)
    wait_until(
        lambda: (
            installation.row(refused).image_target is None
            and installation.row(refused).state == "failed"
        )
    )
    row = installation.row(refused)
    assert row.reason == "still no face"
    assert (installation.folder / "snapshots" / row.image_path).read_bytes() == PICTURE
    assert installation.run("requeue").exit_code == 0
    assert installation.row(refused).state == "pending"
