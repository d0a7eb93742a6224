"""Word of pictures in a folder: what the kernel names, and what happens to watched folders."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from easyai.domain.frame import KeyRules
from easyai.domain.reason import NO_REASON
from easyai.store.folder_events import FolderEvents
from easyai.system import inotify
from easyai.system.inotify import Event, Inotify
from tests.support.site import JPEG

CAMERA = "人数统计/门口1"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of frames with a camera."""
    root = tmp_path / "snapshots"
    (root / CAMERA).mkdir(parents=True)
    return root


@pytest.fixture
def events(root: Path) -> Iterator[FolderEvents]:
    """The watched folder."""
    watched = FolderEvents(str(root), KeyRules())
    yield watched
    watched.close()


def _read(events: FolderEvents) -> list[str]:
    keys: list[str] = []
    while events.wait(0.05):
        keys += events.read()
    return keys


def test_picture_is_named_once_it_is_closed_or_renamed_into_place(
    root: Path, events: FolderEvents
) -> None:
    with (root / CAMERA / "1.jpg").open("wb") as file:
        file.write(JPEG[:10])
        file.flush()
        assert _read(events) == []
        file.write(JPEG[10:])
    assert _read(events) == [f"{CAMERA}/1.jpg"]
    draft = root / CAMERA / ".draft"
    draft.write_bytes(JPEG)
    draft.rename(root / CAMERA / "2.PNG")
    assert _read(events) == [f"{CAMERA}/2.PNG"]


def test_files_that_are_no_frames_are_not_named(root: Path, events: FolderEvents) -> None:
    for folder in ("alerts/人数统计/门口1", "failed/a", f"{CAMERA}/.trash"):
        (root / folder).mkdir(parents=True)
        (root / folder / "1.jpg").write_bytes(JPEG)
    for name in (".hidden.jpg", "notes.txt", "algo_config.json"):
        (root / CAMERA / name).write_bytes(JPEG)
    Path(os.fsdecode(f"{root}/{CAMERA}/".encode() + b"\xff.jpg")).write_bytes(JPEG)
    assert _read(events) == []


def test_symbolic_links_are_not_followed(root: Path, events: FolderEvents, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "linked").symlink_to(outside)
    assert _read(events) == []
    (outside / "1.jpg").write_bytes(JPEG)
    assert (_read(events), len(events)) == ([], 3)


def test_link_in_place_of_a_new_folder_is_not_followed(
    root: Path, events: FolderEvents, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "linked").mkdir()
    (root / "linked").rmdir()
    (root / "linked").symlink_to(outside)
    assert _read(events) == []
    (outside / "1.jpg").write_bytes(JPEG)
    assert (_read(events), len(events)) == ([], 3)


def test_pictures_of_folders_created_at_once_are_all_named(
    root: Path, events: FolderEvents
) -> None:
    keys = [f"type-{number}/门口1/deep/{number}.jpg" for number in range(200)]
    for key in keys:
        (root / key).parent.mkdir(parents=True)
        (root / key).write_bytes(JPEG)
    assert sorted(set(_read(events))) == sorted(keys)
    for key in keys:
        (root / f"{key}.png").write_bytes(JPEG)
    assert sorted(_read(events)) == sorted(f"{key}.png" for key in keys)


def test_pictures_of_a_folder_moved_in_are_named_under_its_new_place(
    root: Path, events: FolderEvents, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere/门口2/a").mkdir(parents=True)
    (tmp_path / "elsewhere/门口2/a/1.jpg").write_bytes(JPEG)
    (tmp_path / "elsewhere").rename(root / "人脸")
    assert _read(events) == ["人脸/门口2/a/1.jpg"]
    (root / "人脸").rename(root / "车")
    assert _read(events) == ["车/门口2/a/1.jpg"]
    (root / "车/门口2/a/2.jpg").write_bytes(JPEG)
    assert _read(events) == ["车/门口2/a/2.jpg"]


def test_folder_moved_out_is_not_watched_any_more(
    root: Path, events: FolderEvents, tmp_path: Path
) -> None:
    (root / "人数统计").rename(tmp_path / "gone")
    (root / CAMERA).mkdir(parents=True)
    assert _read(events) == []
    (tmp_path / "gone/门口1/1.jpg").write_bytes(JPEG)
    assert (_read(events), len(events)) == ([], 3)
    (root / CAMERA / "2.jpg").write_bytes(JPEG)
    assert _read(events) == [f"{CAMERA}/2.jpg"]


def test_folder_removed_and_created_again_is_watched(root: Path, events: FolderEvents) -> None:
    for number in range(3):
        (root / CAMERA).rmdir()
        (root / CAMERA).mkdir()
        (root / CAMERA / "1.jpg").write_bytes(JPEG)
        assert set(_read(events)) == {f"{CAMERA}/1.jpg"}, number
        (root / CAMERA / "1.jpg").unlink()
    assert len(events) == 3


def test_another_folder_at_the_place_of_the_root_is_noticed(
    root: Path, events: FolderEvents, tmp_path: Path
) -> None:
    assert events.is_current()
    root.rename(tmp_path / "unmounted")
    assert not events.is_current()
    root.mkdir()
    assert not events.is_current()


def test_folders_that_came_during_an_overflow_are_watched_after_it(
    root: Path, events: FolderEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The kernel's limit is one for the machine: the overflow is simulated where events are read.
    read = Inotify.read
    monkeypatch.setattr(Inotify, "read", lambda self: _overflow(self, read))
    (root / "人脸/门口2").mkdir(parents=True)
    (root / "人脸/门口2/1.jpg").write_bytes(JPEG)
    (root / CAMERA).rmdir()
    (root / CAMERA).mkdir()
    (root / CAMERA / "lost.jpg").write_bytes(JPEG)
    assert set(_read(events)) == {"人脸/门口2/1.jpg", f"{CAMERA}/lost.jpg"}
    assert events.overflows == 1
    monkeypatch.undo()
    (root / CAMERA / "2.jpg").write_bytes(JPEG)
    (root / "人脸/门口2/2.jpg").write_bytes(JPEG)
    assert sorted(_read(events)) == [f"{CAMERA}/2.jpg", "人脸/门口2/2.jpg"]


def _overflow(queue: Inotify, read: Callable[[Inotify], Iterator[Event]]) -> Iterator[Event]:
    if list(read(queue)):
        yield Event(-1, inotify.OVERFLOW, b"")


def test_limit_of_watches_is_named_and_the_other_folders_stay_watched(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The kernel's limit counts for all programs of the user: it is simulated where watches begin.
    add = Inotify.add

    def limited(queue: Inotify, path: str, mask: int) -> int:
        if path.endswith("门口3"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return add(queue, path, mask)

    (root / "人数统计/门口3").mkdir()
    monkeypatch.setattr(Inotify, "add", limited)
    events = FolderEvents(str(root), KeyRules())
    assert events.fault.code == "incoming.watches_used_up"
    (root / "人数统计/门口3/1.jpg").write_bytes(JPEG)
    (root / CAMERA / "1.jpg").write_bytes(JPEG)
    assert _read(events) == [f"{CAMERA}/1.jpg"]
    events.close()


def test_all_folders_watched_is_no_fault(events: FolderEvents) -> None:
    assert (events.fault, len(events)) == (NO_REASON, 3)
