"""A folder of frames as cameras, operators and other programs leave it."""

from __future__ import annotations

import logging
import math
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from easyai.errors import PictureNotFoundError, StoreUnavailableError
from easyai.store.frame_store import Carried
from tests.integration.store.as_nobody import as_nobody
from tests.integration.store.places import Folder, jpeg, listed, look, walked

KEY = "t/cam/1.jpg"
STABLE_SEC = 2.0
JPEG_START, PNG_START = b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"
PNG = PNG_START + b"\0\0\0\rIHDR" + b"\0\0\0\0IEND\xaeB`\x82"


def age(folder: Folder, key: str, seconds: float) -> None:
    """Let a file have been written some time ago."""
    moment = time.time() - seconds
    os.utime(folder.root / key, (moment, moment))


@pytest.mark.parametrize("content", [jpeg("1"), PNG])
def test_a_picture_with_its_end_marker_is_ready_at_once(folder: Folder, content: bytes) -> None:
    folder.put(KEY, content)
    assert look(folder.store(), KEY, STABLE_SEC) is not None


CUT_SHORT = [
    JPEG_START,
    JPEG_START + b"half",
    PNG_START,
    PNG[:-1],
    b"\xff\xd9",
    b"GIF89a",
    PNG[-8:],
]
# A thumbnail in the EXIF segment has an end mark of its own; here the writer pauses behind it.
EXIF = b"\xff\xd8\xff\xe1\x10\x00Exif\0\0" + b"\xff\xd8 thumbnail \xff\xd9"


@pytest.mark.parametrize("content", [*CUT_SHORT, EXIF, b"GIF89a"])
@pytest.mark.parametrize("age_sec", [0.0, -3600.0, 3600.0, 10_000.0])
def test_picture_without_end_marker_is_ready_when_unchanged_at_two_checks(
    folder: Folder, content: bytes, age_sec: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever the file's time is: the clock of a file server is not ours.
    watch = folder.store().watch()
    folder.put(KEY, content)
    age(folder, KEY, age_sec)
    clock = time.monotonic()
    for passed, ready in ((0.0, False), (STABLE_SEC - 0.1, False), (STABLE_SEC, True)):
        monkeypatch.setattr(time, "monotonic", lambda moment=clock + passed: moment)
        assert (look(watch, KEY, STABLE_SEC) is not None) is ready
    assert not watch.unfinished


def test_empty_file_is_never_ready(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = folder.store().watch()
    folder.put(KEY, b"")
    age(folder, KEY, 1e6)
    clock = time.monotonic()
    for passed in (0.0, 10.0, 1e4):
        monkeypatch.setattr(time, "monotonic", lambda moment=clock + passed: moment)
        assert look(watch, KEY, 0.0) is None


def test_growing_picture_is_ready_when_its_end_marker_is_written(folder: Folder) -> None:
    watch = folder.store().watch()
    folder.put(KEY, b"\xff\xd8")
    with (folder.root / KEY).open("ab") as file:
        for _ in range(3):
            file.write(b"more")
            file.flush()
            assert look(watch, KEY, STABLE_SEC) is None
            assert KEY in next(watch.listings(0.0)).keys  # by name: its folder does not change
        file.write(b"\xff\xd9")
    assert look(watch, KEY, STABLE_SEC) is not None


def test_picture_overwritten_in_place_is_not_ready_by_the_end_marker_of_the_old_picture(
    folder: Folder,
) -> None:
    watch = folder.store().watch()
    folder.put(KEY, jpeg("a" * 1000))
    over = threading.Event()

    def write() -> None:
        with (folder.root / KEY).open("r+b", buffering=0) as file:
            while not over.wait(0.01):
                file.write(b"\xff\xd8b")  # a new picture; the old picture's end is still there

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert look(watch, KEY, STABLE_SEC, wary=True) is None
    finally:
        over.set()
        writer.join()
    assert look(watch, KEY, STABLE_SEC) is not None  # it was wary of it, and is still now


def test_reused_name_is_ready_at_once_after_a_rename(folder: Folder) -> None:
    folder.put(KEY, jpeg("1"))
    began = time.monotonic()
    assert look(folder.store(), KEY, STABLE_SEC, wary=True) is not None
    assert time.monotonic() - began < STABLE_SEC / 2


def test_check_returns_the_time_when_the_picture_was_written(folder: Folder) -> None:
    folder.put(KEY, jpeg("1"))
    age(folder, KEY, 100)
    picture = look(folder.store(), KEY, STABLE_SEC)
    assert picture is not None
    assert picture.modified_at == pytest.approx(time.time() - 100, abs=30)


def test_symbolic_links_are_never_followed(folder: Folder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "cam").mkdir(parents=True)
    (outside / "cam" / "secret.jpg").write_bytes(jpeg("secret"))
    folder.put(KEY, jpeg("1"))
    (folder.root / "t" / "cam" / "link.jpg").symlink_to(outside / "cam" / "secret.jpg")
    (folder.root / "t" / "linked").symlink_to(outside / "cam")
    (folder.root / "t" / "self").symlink_to(folder.root / "t")
    store = folder.store()
    assert walked(store) == {KEY}
    assert look(store, "t/cam/link.jpg", 0.0) is None
    for key in ("t/cam/link.jpg", "t/linked/secret.jpg", "t/self/cam/1.jpg"):
        assert store.read(key, 100) is None
        with pytest.raises(PictureNotFoundError):
            store.open(key)


def test_circular_symbolic_link_is_ignored(folder: Folder) -> None:
    (folder.root / "t").symlink_to("t")
    store = folder.store()
    assert walked(store) == set()
    assert look(store, KEY, 0.0) is None
    assert store.read(KEY, 10) is None


def test_pipe_named_like_a_picture_blocks_no_call(folder: Folder) -> None:
    folder.put(KEY, jpeg("1"))
    os.mkfifo(folder.root / "t" / "cam" / "pipe.jpg")
    store = folder.store()
    assert walked(store) == {KEY}
    assert look(store, "t/cam/pipe.jpg", 0.0) is None
    assert store.read("t/cam/pipe.jpg", 10) is None


def test_a_folder_named_like_a_picture_is_a_folder(folder: Folder) -> None:
    folder.put("t/cam.jpg/1.jpg", jpeg("1"))
    store = folder.store()
    assert walked(store) == {"t/cam.jpg/1.jpg"}
    assert look(store, "t/cam.jpg", 0.0) is None
    assert store.read("t/cam.jpg", 10) is None


def test_hidden_files_and_folders_are_not_walked(folder: Folder) -> None:
    folder.put("t/cam/.part.jpg", jpeg("1"))
    folder.put(".trash/cam/1.jpg", jpeg("1"))
    assert walked(folder.store()) == set()


def test_name_that_is_not_utf8_is_skipped_and_logged_once(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    folder.put(KEY, jpeg("1"))
    (folder.root / "t" / "cam" / os.fsdecode(b"\xff\xfe.jpg")).write_bytes(jpeg("2"))
    other = folder.root / "t" / os.fsdecode(b"\xe9t\xe9")
    other.mkdir()
    (other / "3.jpg").write_bytes(jpeg("3"))
    watch = folder.store().watch()
    with caplog.at_level(logging.WARNING):
        assert listed(watch) == {KEY}
        assert listed(watch) == {KEY}
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert all("not UTF-8; rename it" in line for line in messages)


def test_folder_that_vanishes_during_the_walk_does_not_end_it(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    keys = {f"t/cam{number}/1.jpg" for number in range(4)}
    for key in keys:
        folder.put(key, jpeg(key))
    walk = folder.store().watch().listings(math.inf)
    first = next(walk)
    gone = sorted(keys - set(first.keys))[:2]
    for key in gone:
        shutil.rmtree((folder.root / key).parent)
    rest = {key for page in walk for key in page.keys}
    assert set(first.keys) | rest == keys - set(gone)
    assert caplog.records == []


def test_unreadable_folder_is_logged_and_other_folders_are_walked(
    open_folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    open_folder.put(KEY, jpeg("1"))
    open_folder.put("t/locked/2.jpg", jpeg("2"))
    (open_folder.root / "t" / "locked").chmod(0)
    store = open_folder.store()
    with caplog.at_level(logging.WARNING):
        assert as_nobody(lambda: walked(store)) == {KEY}
    assert "'t/locked/': cannot be listed: Permission denied" in caplog.text


def test_unreadable_picture_is_logged_and_not_ready(
    open_folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    open_folder.put(KEY, jpeg("1"))
    (open_folder.root / KEY).chmod(0)
    store = open_folder.store()
    with caplog.at_level(logging.WARNING):
        assert as_nobody(lambda: look(store, KEY, STABLE_SEC)) is None
    assert "cannot be read: Permission denied" in caplog.text


def test_a_folder_that_may_not_be_written_loses_no_picture(open_folder: Folder) -> None:
    open_folder.put(KEY, jpeg("1"))
    (open_folder.root / KEY).parent.chmod(0o555)
    store = open_folder.store()
    version = store.version(KEY) or ""

    def move() -> Carried:
        return store.move(KEY, "alerts/t/cam/1.jpg", version)

    with pytest.raises(StoreUnavailableError, match="Permission denied"):
        as_nobody(move)
    with pytest.raises(StoreUnavailableError, match="Permission denied"):
        as_nobody(lambda: store.delete(KEY, version))
    assert open_folder.content(KEY) == jpeg("1")


def test_a_file_in_the_way_of_the_alert_folder_is_an_error_that_loses_nothing(
    folder: Folder,
) -> None:
    folder.put(KEY, jpeg("1"))
    folder.put("alerts", b"a file")
    with pytest.raises(StoreUnavailableError):
        folder.store().move(KEY, "alerts/t/cam/1.jpg", "")
    assert folder.content(KEY) == jpeg("1")


@pytest.mark.parametrize("left_there", ["nothing", "a file"])
def test_a_frame_folder_that_is_not_there_is_an_error_naming_it_and_heals(
    folder: Folder, left_there: str
) -> None:
    store = folder.store()
    folder.root.rmdir()
    if left_there == "a file":
        folder.root.write_bytes(b"")
    with pytest.raises(StoreUnavailableError, match=str(folder.root)):
        walked(store)
    if left_there == "nothing":
        with pytest.raises(StoreUnavailableError, match=str(folder.root)):
            store.check()
    else:
        folder.root.unlink()
    folder.root.mkdir()
    folder.put(KEY, jpeg("1"))
    store.check()
    assert walked(store) == {KEY}


@pytest.mark.parametrize("in_its_place", ["nothing", "an empty folder", "a file"])
def test_while_the_disk_is_away_no_picture_counts_as_moved_or_deleted(
    folder: Folder, in_its_place: str
) -> None:
    store = folder.store()
    folder.put(KEY, jpeg("1"))
    version = store.version(KEY) or ""
    away = folder.root.with_name("away")
    folder.root.rename(away)
    if in_its_place == "a file":
        folder.root.write_bytes(b"")
    elif in_its_place == "an empty folder":
        folder.root.mkdir()
    with pytest.raises(StoreUnavailableError):
        store.move(KEY, f"alerts/{KEY}", version)
    with pytest.raises(StoreUnavailableError):
        store.delete(KEY, "")


def test_no_picture_is_gone_while_the_folder_itself_is_missing(folder: Folder) -> None:
    folder.put(KEY, jpeg("1"))
    store = folder.store()
    away = folder.root.with_name("away")
    folder.root.rename(away)  # as a mount that is not there
    with pytest.raises(StoreUnavailableError):
        store.open(KEY)
    away.rename(folder.root)
    store.open(KEY).close()


def test_name_too_long_for_the_disk_counts_as_missing(folder: Folder) -> None:
    store = folder.store()
    key = f"t/cam/{'长' * 100}.jpg"
    assert look(store, key, 0.0) is None
    assert store.exists(key) is False
    assert store.read(key, 10) is None


def test_a_link_to_a_picture_is_signed_and_quoted(folder: Folder) -> None:
    url = folder.store().url("人数统计/门口2/a b%.jpg", 3600)
    assert url.startswith("http://127.0.0.1:5066/api/v1/files/%E4%BA%BA")
    assert "a%20b%25.jpg?expires=" in url
