"""Foreign pictures are never deleted, and our own pictures are deleted in the end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from easyai.db import picture_deletions
from easyai.errors import StoreUnavailableError
from easyai.pipeline import deletions, picture_moves, upkeep
from easyai.pipeline.alert_removal import delete_alerts
from easyai.store.frame_store import Carried
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation

DAY = 86_400.0
KEYS = [f"{TYPE}/门口1/{number}.jpg" for number in range(3)]


@pytest.fixture
def alerted(site: Installation, algorithm: AlgorithmStub) -> Installation:
    """An installation with three alerts."""
    site.register(algorithm)
    for key in KEYS:
        site.put(key, _jpeg(key))
    site.work(site.loop())
    assert len(site.alerts()) == 3
    return site


def test_upkeep_does_not_delete_foreign_pictures_among_the_alerts(
    alerted: Installation,
) -> None:
    foreign = [
        alerted.put(f"{folder}/{TYPE}/c/{name}", modified_at=time.time() - 3 * DAY)
        for folder in ("alerts", "failed")
        for name in ("1.jpg", ".1.jpg.part", "notes.txt")
    ]
    alerted.execute("UPDATE events SET at = at - 864000 WHERE kind = 'installed'")
    for _ in range(3):
        upkeep.run(alerted.runtime)
        picture_moves.carry_left_behind(alerted.runtime)
    assert all(path.exists() for path in foreign)


def test_upkeep_after_a_restore_deletes_no_newer_picture(alerted: Installation) -> None:
    alerted.execute("DELETE FROM alerts")
    alerted.execute("DELETE FROM frames")
    alerted.execute("UPDATE events SET at = at - 864000 WHERE kind = 'installed'")
    before = alerted.pictures("alerts")
    upkeep.run(alerted.runtime)
    assert alerted.pictures("alerts") == before


@pytest.mark.parametrize("forgotten", [False, True])
def test_deleting_alerts_deletes_only_their_own_pictures(
    alerted: Installation, caplog: pytest.LogCaptureFixture, forgotten: bool
) -> None:
    if forgotten:
        alerted.execute("DELETE FROM frames")
    replaced = alerted.snapshots / "alerts" / KEYS[0]
    replaced.unlink()
    replaced.write_bytes(b"another site's picture")
    ids = [alert["id"] for alert in alerted.alerts()]
    assert delete_alerts(alerted.runtime, ids) == 3
    assert alerted.pictures("alerts") == [f"alerts/{KEYS[0]}"]
    assert "picture left alone, another picture was put there" in caplog.text
    assert alerted.rows("SELECT * FROM deletions") == []


def test_picture_of_a_deleted_alert_is_deleted_once_the_store_is_back(
    alerted: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(key: str, version: str) -> None:
        raise StoreUnavailableError("the disk is away")

    alerted.execute("DELETE FROM frames")
    with monkeypatch.context() as trouble:
        trouble.setattr(alerted.runtime.store, "discard", refuse)
        delete_alerts(alerted.runtime, [alert["id"] for alert in alerted.alerts()])
        assert len(alerted.pictures("alerts")) == 3
    assert picture_moves.carry_left_behind(alerted.runtime) == 3
    assert alerted.pictures("alerts") == []
    assert alerted.rows("SELECT * FROM deletions") == []


@pytest.mark.parametrize("remote", [False, True], ids=["folder", "bucket"])
def test_undeletable_picture_delays_no_other_deletions(
    alerted: Installation,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    remote: bool,
) -> None:
    store = alerted.runtime.store
    discard = store.discard
    tried: list[str] = []

    def refuse_the_first(key: str, version: str) -> Carried:
        tried.append(key)
        if key == tried[0]:  # answers that arrive together settle in any order
            raise StoreUnavailableError("Permission denied")
        return discard(key, version)

    alerted.execute("DELETE FROM frames")
    monkeypatch.setattr(store, "remote", remote)  # each call would wait for a bucket that is away
    monkeypatch.setattr(store, "discard", refuse_the_first)
    delete_alerts(alerted.runtime, [alert["id"] for alert in alerted.alerts()])
    if remote:
        assert len(tried) == 1
        picture_moves.carry_left_behind(alerted.runtime)
    assert alerted.pictures("alerts") == [tried[0]]
    assert "count=1 first=Permission denied" in caplog.text
    monkeypatch.undo()
    assert picture_moves.carry_left_behind(alerted.runtime) == 1
    assert alerted.pictures("alerts") == []


def test_deletions_stop_after_a_failed_group_while_the_store_is_away(
    alerted: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[str] = []

    def refuse(key: str, version: str) -> Carried:
        tried.append(key)
        raise StoreUnavailableError("the disk is away")

    monkeypatch.setattr(deletions, "_GROUP", 2)
    monkeypatch.setattr(alerted.runtime.store, "discard", refuse)
    with alerted.runtime.db.write() as conn:
        picture_deletions.ask_deletions(conn, [(f"alerts/{key}", "") for key in KEYS], 1.0)
    alerted.execute("DELETE FROM alerts")
    for count in (2, 3, 5):
        picture_moves.carry_left_behind(alerted.runtime)
        assert len(tried) == count, "the next round goes on behind the last"
    assert caplog.text.count("the disk is away") == 3


def test_deleting_an_alert_of_unknown_picture_version_deletes_its_picture(
    alerted: Installation,
) -> None:
    alerted.execute("DELETE FROM frames")
    alerted.execute("UPDATE alerts SET image_version = NULL")
    delete_alerts(alerted.runtime, [alert["id"] for alert in alerted.alerts()])
    assert alerted.pictures("alerts") == []


def test_picture_of_a_newer_alert_at_the_same_path_is_not_deleted(
    alerted: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(key: str, version: str) -> None:
        raise StoreUnavailableError("the disk is away")

    alerted.execute("DELETE FROM frames")
    alerted.execute("UPDATE alerts SET image_version = NULL")
    (first,) = (alert for alert in alerted.alerts() if alert["image_path"] == f"alerts/{KEYS[0]}")
    with monkeypatch.context() as trouble:
        trouble.setattr(alerted.runtime.store, "discard", refuse)
        delete_alerts(alerted.runtime, [first["id"]])
    path = alerted.snapshots / str(first["image_path"])
    path.unlink()  # as by an operator
    alerted.put(KEYS[0], _jpeg("the next one"))
    alerted.work(alerted.loop())
    assert alerted.alerts()[-1]["image_path"] == first["image_path"]
    picture_moves.carry_left_behind(alerted.runtime)
    assert Path(path).read_bytes() == _jpeg("the next one")


def _jpeg(text: str) -> bytes:
    return b"\xff\xd8" + text.encode() + b"\xff\xd9"
