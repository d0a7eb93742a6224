"""After a failover that lost the newest frames, their held pictures become frames again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from easyai.db import recorded_frames
from easyai.db.recorded_frames import NewFrame
from easyai.errors import DatabaseUnavailableError, EasyaiError, StoreUnavailableError
from easyai.pipeline.intake import Scanner
from easyai.pipeline.notified import Fate, NotifiedPictures
from easyai.pipeline.recording import Recording
from easyai.store.local import LocalStore
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

KEY = f"{TYPE}/门口1/1.jpg"
# Far above the next ids: the next ids are lower, as on a standby.
_RAISE_IDS = "UPDATE frames SET id = id + 1000"
_LOSE_FRAMES = "DELETE FROM frames"  # the standby had not received them


@pytest.fixture
def scanner(site: Installation) -> Scanner:
    """A scanner that has recorded a frame whose picture is held for its call."""
    scanner = Scanner(site.runtime)
    site.put(KEY)
    assert scanner.scan().new_frames == 1
    site.execute(_RAISE_IDS)
    assert scanner.scan().new_frames == 0
    (frame,) = site.frames()
    site.runtime.store.hold(KEY, frame["id"], frame["version"])
    return scanner


def _failing_once(real: Callable[..., Any], error: EasyaiError) -> Callable[..., Any]:
    errors = [error]

    def fail(*arguments: Any) -> Any:
        if errors:
            raise errors.pop()
        return real(*arguments)

    return fail


def _require_recovery(site: Installation, scanner: Scanner) -> None:
    def recovered() -> bool:
        scanner.scan()
        return KEY in [frame["key"] for frame in site.frames()]

    wait_until(recovered, 10.0, "the held picture is a frame again")


def test_lost_frames_are_recovered_by_the_next_scan_when_the_store_was_away(
    site: Installation, scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = _failing_once(LocalStore.held, StoreUnavailableError("the disk is away"))
    monkeypatch.setattr(LocalStore, "held", failing)
    site.execute(_LOSE_FRAMES)
    with pytest.raises(StoreUnavailableError):
        scanner.scan()
    _require_recovery(site, scanner)


def test_lost_frames_are_recovered_by_the_next_scan_when_the_database_failed(
    site: Installation, scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = _failing_once(recorded_frames.recorded_since, DatabaseUnavailableError("failover"))
    monkeypatch.setattr(recorded_frames, "recorded_since", failing)
    site.execute(_LOSE_FRAMES)
    with pytest.raises(DatabaseUnavailableError):
        scanner.scan()
    _require_recovery(site, scanner)


def test_lost_frames_are_recovered_when_the_failover_came_before_a_recording(
    site: Installation, scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Recording.record

    def record_after_failover(self: Recording, pictures: Any) -> list[NewFrame]:
        monkeypatch.setattr(Recording, "record", record)
        site.execute(_LOSE_FRAMES)
        return record(self, pictures)

    monkeypatch.setattr(Recording, "record", record_after_failover)
    site.put(f"{TYPE}/门口2/2.jpg")
    wait_until(lambda: scanner.scan().new_frames == 1, 10.0, "the new picture is recorded")
    _require_recovery(site, scanner)
    assert len(site.frames()) == 2


def test_lost_frames_are_recovered_when_named_pictures_were_recorded_before_the_next_scan(
    site: Installation, scanner: Scanner
) -> None:
    named = f"{TYPE}/门口2/2.jpg"
    site.put(named)
    taker = NotifiedPictures(site.runtime)
    site.execute(_LOSE_FRAMES)
    assert taker.take([named]).fates[named][0] is Fate.ACCEPTED
    site.execute("UPDATE frames SET id = id + 2000")  # many more were recorded
    _require_recovery(site, scanner)


def test_recovery_happens_once_for_each_failover(
    site: Installation, scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    listings: list[None] = []
    held = LocalStore.held

    def counted(store: LocalStore) -> Any:
        listings.append(None)
        return held(store)

    monkeypatch.setattr(LocalStore, "held", counted)
    site.execute(_LOSE_FRAMES)
    _require_recovery(site, scanner)
    for _ in range(3):
        scanner.scan()
    assert len(listings) == 1
