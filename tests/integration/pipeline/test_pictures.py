"""Pictures are moved or deleted only after their commit, and never overwrite each other."""

from __future__ import annotations

from typing import Any

import pytest

from easyai.errors import StoreUnavailableError
from easyai.pipeline import picture_moves
from easyai.pipeline.alert_removal import delete_alerts
from easyai.store.frame_store import Carried
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.site import JPEG, TYPE, Installation
from tests.support.waiting import wait_until

KEY = f"{TYPE}/门口1/1.jpg"
REFUSAL = (200, {"success": False, "error": "no"})
_MOVES = "SELECT moves, moves_failed FROM statistics WHERE bucket = 0"


@pytest.fixture
def broken_moves(site: Installation, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """While the list holds True, the store moves and deletes nothing."""
    broken = [True]
    store = site.runtime.store
    move, delete = store.move, store.delete

    def _move(source: str, target: str, version: str, frame_id: int = 0) -> Carried:
        if broken[0]:
            raise StoreUnavailableError("disk full")
        return move(source, target, version, frame_id)

    def _delete(key: str, version: str, frame_id: int = 0) -> Carried:
        if broken[0]:
            raise StoreUnavailableError("disk full")
        return delete(key, version, frame_id)

    monkeypatch.setattr(store, "move", _move)
    monkeypatch.setattr(store, "delete", _delete)
    monkeypatch.setattr(picture_moves, "_LEFT_BEHIND_SEC", 0.0)
    return broken


@pytest.mark.parametrize("answer", [detections(1), detections(0)])
def test_sweep_moves_a_picture_that_could_not_be_moved(
    site: Installation, algorithm: AlgorithmStub, broken_moves: list[bool], answer: Any
) -> None:
    algorithm.answer = lambda frame: answer
    site.register(algorithm)
    site.put(KEY)
    site.scan()
    loop = site.loop()
    assert loop.pump(TYPE, 3.0).finished == 1
    assert sweep(site.runtime).pictures == 0
    assert site.pictures("") == [KEY]
    assert site.scan().new_frames == 0
    broken_moves[0] = False
    assert sweep(site.runtime).pictures == 1
    assert site.pictures("") == [alert["image_path"] for alert in site.alerts()]
    assert algorithm.count == 1


@pytest.mark.parametrize("answer", [detections(1), REFUSAL])
def test_equal_names_settled_before_their_moves_keep_separate_pictures(
    site: Installation, algorithm: AlgorithmStub, broken_moves: list[bool], answer: Any
) -> None:
    site.configure(max_attempts=1)
    algorithm.answer = lambda frame: answer
    site.register(algorithm)
    loop = site.loop()
    contents = set()
    for folder in ("", "上午/", "下午/"):
        content = JPEG.replace(b"picture", folder.encode().ljust(7, b"."))
        contents.add(content)
        site.put(f"{TYPE}/门口1/{folder}1.jpg", content)
        site.scan()
        assert loop.pump(TYPE, 3.0).finished == 1
    broken_moves[0] = False
    # The worker may be moving the last picture at the same time.
    moved = sweep(site.runtime).pictures

    def carried() -> bool:
        loop.pump(TYPE, 3.0)
        return all(frame["image_target"] is None for frame in site.frames())

    wait_until(carried, 10, "all are moved")
    assert moved >= 2
    kept = [site.snapshots / key for key in site.pictures("")]
    assert {path.read_bytes() for path in kept} == contents
    assert all(path.parts[-4] in ("alerts", "failed") for path in kept)
    assert sorted(frame["image_path"] for frame in site.frames()) == site.pictures("")


@pytest.mark.sqlite_only
@pytest.mark.parametrize("answer", [detections(1), REFUSAL])
def test_foreign_file_at_the_target_of_a_move_is_left_alone(
    site: Installation,
    algorithm: AlgorithmStub,
    monkeypatch: pytest.MonkeyPatch,
    answer: Any,
) -> None:
    monkeypatch.setattr(picture_moves, "_LEFT_BEHIND_SEC", 0.0)
    site.configure(max_attempts=1)
    algorithm.answer = lambda frame: answer
    site.register(algorithm)
    foreign = [site.put(f"{folder}/{KEY}", b"not ours") for folder in ("alerts", "failed")]
    site.put(KEY)
    site.scan()
    site.loop().pump(TYPE, 3.0)

    def carried() -> bool:
        sweep(site.runtime)
        return site.frames()[0]["image_target"] is None

    wait_until(carried, 10, "the picture has found a place")
    assert [path.read_bytes() for path in foreign] == [b"not ours"] * 2
    (frame,) = site.frames()
    assert (site.snapshots / frame["image_path"]).read_bytes() == JPEG
    assert [alert["image_path"] for alert in site.alerts()] in ([], [frame["image_path"]])


@pytest.mark.parametrize("answer", [detections(1), REFUSAL])
def test_picture_moved_by_worker_and_sweep_is_where_the_ledger_records_it(
    site: Installation,
    algorithm: AlgorithmStub,
    monkeypatch: pytest.MonkeyPatch,
    answer: Any,
) -> None:
    monkeypatch.setattr(picture_moves, "_LEFT_BEHIND_SEC", 0.0)
    site.configure(max_attempts=1)
    algorithm.answer = lambda frame: answer
    site.register(algorithm)
    for folder in ("alerts", "failed"):
        site.put(f"{folder}/{KEY}", b"not ours")
    site.put(KEY)
    store, other = site.runtime.store, site.open()
    move = store.move
    swept: list[int] = []

    def move_while_the_sweep_does(*args: Any) -> Carried:
        moved = move(*args)
        if not swept:
            swept.append(picture_moves.LeftBehind(other).carry())
        return moved

    monkeypatch.setattr(store, "move", move_while_the_sweep_does)
    site.scan()
    loop = site.loop()

    def carried() -> bool:
        loop.pump(TYPE, 3.0)
        sweep(other)
        return site.frames()[0]["image_target"] is None

    wait_until(carried, 10, "the picture has found a place")
    (frame,) = site.frames()
    assert swept == [0]
    assert frame["image_path"] != ""
    assert (site.snapshots / frame["image_path"]).read_bytes() == JPEG
    assert [alert["image_path"] for alert in site.alerts()] in ([], [frame["image_path"]])


def test_deleting_an_alert_deletes_its_moved_picture(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    site.put(KEY)
    site.work(site.loop())
    (alert,) = site.alerts()
    assert delete_alerts(site.runtime, [alert["id"]]) == 1
    wait_until(lambda: site.pictures("") == [], 5, "the picture is gone")
    site.put(KEY)
    site.work(site.loop())
    assert [later["image_path"] for later in site.alerts()] == [alert["image_path"]]


@pytest.mark.sqlite_only
def test_more_moves_than_a_group_are_all_done(
    site: Installation, algorithm: AlgorithmStub, broken_moves: list[bool]
) -> None:
    site.register(algorithm)
    site.put_many(30)
    site.scan()
    assert site.loop().pump(TYPE, 5.0).finished == 30
    broken_moves[0] = False
    assert picture_moves.carry_left_behind(site.runtime) == 30
    assert len(site.pictures("alerts")) == 30


@pytest.mark.sqlite_only
def test_failed_moves_are_logged_in_groups_and_counted_once(
    site: Installation,
    algorithm: AlgorithmStub,
    broken_moves: list[bool],
    caplog: pytest.LogCaptureFixture,
) -> None:
    site.register(algorithm)
    site.put_many(50)
    site.scan()
    assert site.loop().pump(TYPE, 5.0).finished == 50

    def logged() -> list[int]:
        lines = (
            record.getMessage() for record in caplog.records if record.name.startswith("easyai")
        )
        return [int(line.split("count=")[1].split()[0]) for line in lines if "disk full" in line]

    wait_until(lambda: sum(logged()) == 50, 15, "all failed moves are logged")
    assert len(logged()) < 10
    caplog.clear()
    assert site.rows(_MOVES) == [{"moves": 50, "moves_failed": 50}]
    sweep(site.runtime)
    assert logged() == [20], "a round ends when a whole group fails, on a folder too"
    for _ in range(2):
        sweep(site.runtime)
    assert sum(logged()) == 50, "the next one goes on behind it"
    assert site.rows(_MOVES) == [{"moves": 50, "moves_failed": 50}]
    broken_moves[0] = False
    assert sweep(site.runtime).pictures == 50
    assert site.rows(_MOVES) == [{"moves": 100, "moves_failed": 50}]


@pytest.mark.sqlite_only
def test_single_failed_moves_do_not_end_a_sweep_and_are_logged_in_a_line(
    site: Installation,
    algorithm: AlgorithmStub,
    broken_moves: list[bool],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    site.register(algorithm)
    site.put_many(50)
    site.scan()
    assert site.loop().pump(TYPE, 5.0).finished == 50
    broken_moves[0] = False
    move = site.runtime.store.move

    def only_even(source: str, target: str, version: str, frame_id: int = 0) -> Carried:
        if frame_id % 2:
            raise StoreUnavailableError("not this one")
        return move(source, target, version, frame_id)

    monkeypatch.setattr(site.runtime.store, "move", only_even)
    assert sweep(site.runtime).pictures == 25
    assert caplog.text.count("not this one") == 1
    assert "count=25 first=" in caplog.text
