"""A picture of a folder is held under a private name, and no newer picture is deleted for it."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from easyai.errors import StoreUnavailableError
from easyai.store import renames
from easyai.store.frame_store import Carried, Held
from easyai.store.keys import held_key, held_name, version_tag
from tests.integration.store.as_nobody import as_nobody
from tests.integration.store.places import Folder, jpeg, walked

KEY, TARGET = "人数统计/门口2/latest.jpg", "alerts/人数统计/门口2/latest.jpg"


@pytest.fixture(params=["renameat2", "hard link", "neither"])
def how(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The ways in which file systems rename without overwriting."""
    chosen: str = request.param
    if chosen != "renameat2":
        monkeypatch.setattr(renames, "_RENAMEAT2", None)
    if chosen == "neither":

        def no_links(*_: object, **__: object) -> None:
            raise OSError(errno.EPERM, "no hard links here")

        monkeypatch.setattr(os, "link", no_links)
    return chosen


def hidden(folder: Folder) -> list[str]:
    """The hidden files below a folder."""
    return sorted(path.name for path in folder.root.rglob(".*"))


@pytest.mark.parametrize("rename", [renames.rename_noreplace, renames.rename_to_own])
def test_rename_never_overwrites_with_either_system_call(
    how: str, tmp_path: Path, rename: Callable[[str, str], None]
) -> None:
    first, two = tmp_path / "1", tmp_path / "2"
    first.write_bytes(b"1")
    rename(str(first), str(two))
    first.write_bytes(b"other")
    with pytest.raises(FileExistsError):
        rename(str(first), str(two))
    assert (first.read_bytes(), two.read_bytes()) == (b"other", b"1")
    with pytest.raises(FileNotFoundError):
        rename(str(tmp_path / "3"), str(tmp_path / "4"))


def test_a_rename_cut_short_between_link_and_unlink_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renames, "_RENAMEAT2", None)
    first, two = tmp_path / "1", tmp_path / "2"
    first.write_bytes(b"1")
    for rename in (renames.rename_noreplace, renames.rename_to_own):
        os.link(first, two)
        rename(str(first), str(two))
        assert (first.exists(), two.read_bytes()) == (False, b"1")
        two.rename(first)


def test_a_held_picture_is_hidden_and_found_again_by_its_row(how: str, folder: Folder) -> None:
    folder.put(KEY, jpeg("1"))
    store = folder.store()
    version = store.version(KEY) or ""
    held = store.hold(KEY, 7, version)
    assert held == Held(Carried.DONE, held_key(KEY, 7, version))
    assert walked(store) == set()
    assert list(store.held()) == [held.key]
    name = held_name(held.key.rpartition("/")[2])
    assert name is not None
    assert (name.frame_id, name.version_tag, name.name) == (7, version_tag(version), "latest.jpg")


def test_long_name_is_held_under_a_name_short_enough_for_a_disk(folder: Folder) -> None:
    for name in ("门" * 83 + ".jpg", "a" * 251 + ".PNG"):
        key = f"t/cam/{name}"
        folder.put(key, jpeg(name))
        store = folder.store()
        version = store.version(key) or ""
        held = store.hold(key, 2**62, version)
        assert (held.carried, held.key[-4:].lower()) == (Carried.DONE, name[-4:].lower())
        assert store.move(key, f"alerts/{key}", version, 2**62) is Carried.DONE
        assert folder.content(f"alerts/{key}") == jpeg(name)


def test_released_picture_returns_to_its_key_unless_the_key_is_taken(folder: Folder) -> None:
    folder.put(KEY, jpeg("1"))
    store = folder.store()
    held = store.hold(KEY, 7, store.version(KEY) or "")
    folder.put(KEY, jpeg("another"))
    assert store.release(held.key) is Carried.TAKEN
    assert folder.content(KEY) == jpeg("another")
    (folder.root / KEY).unlink()
    assert store.release(held.key) is Carried.DONE
    assert folder.content(KEY) == jpeg("1")
    assert store.release(held.key) is Carried.DONE, "asked for again"


def test_a_newer_picture_that_comes_between_check_and_deletion_is_not_deleted(
    how: str, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.put(KEY, jpeg("1"))
    store = folder.store()
    version = store.version(KEY) or ""
    rename = renames.rename_to_own

    def camera_is_quicker(source: str, target: str) -> None:
        if source.endswith("/latest.jpg"):
            folder.put(KEY, jpeg("another"))
        rename(source, target)

    monkeypatch.setattr("easyai.store.local_moves.rename_to_own", camera_is_quicker)
    assert store.delete(KEY, version) is Carried.REPLACED
    assert folder.content(KEY) == jpeg("another")
    assert hidden(folder) == []


@pytest.mark.parametrize("call", range(1, 6))
def test_picture_renamed_over_the_key_at_any_step_of_a_hold_is_kept(
    how: str, folder: Folder, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    folder.put(KEY, jpeg("1"))
    store = folder.store()
    version = store.version(KEY) or ""
    calls = 0

    def at_a_moment(do: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object, **more: object) -> object:
            nonlocal calls
            calls += 1
            if calls == call:
                folder.put(KEY, jpeg("newer"))
            return do(*args, **more)

        return step

    for name in ("link", "rename", "unlink", "lstat"):
        monkeypatch.setattr(os, name, at_a_moment(getattr(os, name)))
    held = store.hold(KEY, 7, version)
    monkeypatch.undo()
    if calls >= call:
        assert folder.content(KEY) == jpeg("newer")
    if held.carried is Carried.DONE:
        assert folder.content(held.key) == jpeg("1")
    assert hidden(folder) == ([held.key.rpartition("/")[2]] if held.key != KEY else [])


def test_of_two_newer_pictures_the_newest_stays(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.put(KEY, jpeg("1"))
    store = folder.store()
    version = store.version(KEY) or ""
    folder.put(KEY, jpeg("newer"))
    rename = renames.rename_to_own

    def camera_writes_after(source: str, target: str) -> None:
        rename(source, target)
        if source.endswith("/latest.jpg"):
            folder.put(KEY, jpeg("newest"))

    monkeypatch.setattr("easyai.store.local_moves.rename_to_own", camera_writes_after)
    assert store.hold(KEY, 7, version).carried is Carried.REPLACED
    assert folder.content(KEY) == jpeg("newest")
    assert hidden(folder) == []


def test_a_deletion_cut_short_is_finished(folder: Folder) -> None:
    folder.put(KEY, jpeg("1"))
    store = folder.store()
    version = store.version(KEY) or ""
    store.hold(KEY, 7, version)  # and the process dies
    folder.put(KEY, jpeg("newer"))
    assert folder.store().delete(KEY, version, 7) is Carried.DONE
    assert folder.content(KEY) == jpeg("newer")
    assert hidden(folder) == []


def test_picture_is_used_in_place_where_renames_are_forbidden(
    open_folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    folder = open_folder
    for number in range(3):
        folder.put(f"t/cam/{number}.jpg", jpeg(str(number)))
    (folder.root / "t/cam").chmod(0o555)
    store = folder.store()
    keys = [f"t/cam/{number}.jpg" for number in range(3)]
    held = as_nobody(lambda: [store.hold(key, 7, store.version(key) or "") for key in keys])
    assert held == [Held(Carried.DONE, key) for key in keys]
    assert as_nobody(lambda: store.hold(keys[0], 7, "1-2").carried) is Carried.REPLACED
    assert as_nobody(lambda: store.hold("t/cam/4.jpg", 7, "1-2").carried) is Carried.MISSING
    assert caplog.text.count("pictures cannot be renamed in the frame folder") == 1


def test_held_picture_is_found_after_renames_became_forbidden(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.put(KEY, jpeg("1"))
    store = folder.store()
    version = store.version(KEY) or ""
    held = store.hold(KEY, 7, version)

    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("easyai.store.local_moves.rename_to_own", read_only)
    assert store.hold(KEY, 7, version) == held
    assert held.key != KEY


def test_a_picture_is_copied_to_another_disk_and_a_copy_cut_short_is_finished(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Path("/dev/shm") / f"easyai-test-{os.getpid()}"
    other.mkdir()
    try:
        if other.stat().st_dev == folder.root.stat().st_dev:
            pytest.fail("needs /dev/shm to be another file system than the tests' folder")
        (folder.root / "alerts").symlink_to(other)
        folder.put(KEY, jpeg("1"))
        store = folder.store()
        version = store.version(KEY) or ""
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "copy2", _die_half_way)
            with pytest.raises(StoreUnavailableError):
                store.move(KEY, TARGET, version, 7)
        assert len(list(other.rglob(".easyai-copy-*"))) == 1
        with monkeypatch.context() as patch:
            patch.setattr(os, "unlink", _die)
            with pytest.raises(StoreUnavailableError):
                store.move(KEY, TARGET, version, 7)
        assert folder.content(TARGET) == jpeg("1")
        assert store.move(KEY, TARGET, version, 7) is Carried.DONE
        assert store.move(KEY, TARGET, version, 7) is Carried.DONE
        assert [path.name for path in other.rglob("*") if path.is_file()] == ["latest.jpg"]
        assert list(store.held()) == []
        assert store.discard(TARGET, version) is Carried.DONE
    finally:
        shutil.rmtree(other)


def test_last_picture_of_a_constantly_writing_camera_is_kept(folder: Folder) -> None:
    """The picture that was written last is there, despite holds, deletions and releases."""
    store, stop, written = folder.store(), threading.Event(), [0]

    def write() -> None:
        while not stop.is_set():
            written[0] += 1
            folder.put(KEY, jpeg(f"{written[0]:08}"))

    folder.put(KEY, jpeg("0"))
    camera = threading.Thread(target=write)
    camera.start()
    results, ends_at = set(), time.monotonic() + 1.0
    try:
        while time.monotonic() < ends_at:
            version = store.version(KEY)
            if version is not None:
                results.add(store.delete(KEY, version))
    finally:
        stop.set()
        camera.join()
    folder.put(KEY, jpeg("last"))
    assert store.delete(KEY, "1-2") is Carried.REPLACED
    assert folder.content(KEY) == jpeg("last")
    assert Carried.REPLACED in results
    assert list(store.held()) == []


def _die_half_way(path: str, draft: str) -> None:
    Path(draft).write_bytes(b"half")
    raise OSError(errno.EIO, "the process dies here")


def _die(path: str) -> None:
    raise OSError(errno.EIO, "the process dies here")
