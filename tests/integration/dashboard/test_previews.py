"""Thumbnails are small, made once, and never made of a bomb."""

from __future__ import annotations

import errno
import io
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from easyai.dashboard import decoding, stored_pictures, thumbnails
from easyai.dashboard.decoding import LARGEST_THUMBNAIL, size_of
from easyai.errors import StoreUnavailableError
from easyai.pipeline import alert_removal
from easyai.store.preview_files import PreviewFiles
from tests.integration.api.live import LiveApi
from tests.integration.dashboard.rows import DASHBOARD, Rows
from tests.support.jpeg import jpeg, png

THUMBNAILS = f"{DASHBOARD}/thumbnails"


def _image(answer: requests.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


def test_thumbnail_of_a_photograph_is_320_pixels_wide_and_small(api: LiveApi, rows: Rows) -> None:
    alert = rows.alert(image_path=rows.picture("alerts/t/c/1.jpg"))
    answer = api.call("GET", f"{THUMBNAILS}/alerts/{alert}")
    image = _image(answer)
    assert (image.format, image.width) == ("JPEG", 320)
    assert len(answer.content) <= LARGEST_THUMBNAIL
    assert answer.headers["cache-control"] == "private, max-age=3600"
    again = api.call(
        "GET", f"{THUMBNAILS}/alerts/{alert}", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


def test_gallery_of_50_noisy_pictures_is_below_a_megabyte(
    sqlite_api: LiveApi, sqlite_rows: Rows
) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(noise).save(content, "JPEG", quality=60)
    alert = sqlite_rows.alert(
        image_path=sqlite_rows.picture("alerts/t/c/1.jpg", content.getvalue())
    )
    made = sqlite_api.call("GET", f"{THUMBNAILS}/alerts/{alert}")
    assert made.status_code == 200
    assert 50 * len(made.content) < 1_000_000


def test_turned_picture_of_a_phone_is_shown_upright(sqlite_api: LiveApi, sqlite_rows: Rows) -> None:
    content, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (640, 480)).save(content, "JPEG", exif=exif)
    alert = sqlite_rows.alert(
        image_path=sqlite_rows.picture("alerts/t/c/1.jpg", content.getvalue())
    )
    assert _image(sqlite_api.call("GET", f"{THUMBNAILS}/alerts/{alert}")).size == (320, 427)
    assert sqlite_api.get(f"{DASHBOARD}/alerts/{alert}")["size"] == [480, 640]


def _png_bomb(side: int) -> bytes:
    """A PNG of a few kilobytes that has side × side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        sum_ = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", sum_)

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 1_000_000)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def _jpeg(width: int, height: int) -> bytes:
    content = io.BytesIO()
    Image.new("L", (width, height)).save(content, "JPEG")
    return content.getvalue()


BROKEN = {
    "no picture": (b"<svg onload=alert(1)>", "neither JPEG nor PNG"),
    "empty": (b"", "neither JPEG nor PNG"),
    "cut off": (jpeg()[:2000], "damaged"),
    "bomb of 45 million pixels": (_png_bomb(6709), "too large: 6709 x 6709"),
    "PNG that is decoded whole": (_png_bomb(3600), "too large: 3600 x 3600"),
    "JPEG that is decoded whole": (_jpeg(13_000, 1000), "too large: 13000 x 1000"),
    "fifty scans of many pixels": (
        _jpeg(5000, 3000)[:-2] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" * 50,
        "too many scans",
    ),
    "bomb of 900 million pixels": (_png_bomb(30_000), "too large"),
    "thousands of scans": (
        jpeg()[:-2] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" * 5000,
        "too many scans",
    ),
}


@pytest.mark.parametrize(("content", "words"), BROKEN.values(), ids=BROKEN)
def test_broken_picture_is_refused_clearly(
    sqlite_api: LiveApi, sqlite_rows: Rows, content: bytes, words: str
) -> None:
    alert = sqlite_rows.alert(image_path=sqlite_rows.picture("alerts/t/c/1.jpg", content))
    for _ in range(2):
        assert words in sqlite_api.error(415, "GET", f"{THUMBNAILS}/alerts/{alert}")
    instead = sqlite_api.call("GET", f"{THUMBNAILS}/alerts/{alert}?placeholder=true")
    assert (instead.status_code, instead.headers["content-type"]) == (200, "image/gif")
    assert (instead.headers["cache-control"], instead.headers["x-picture"]) == (
        "no-store",
        "broken",
    )
    assert _image(instead).size == (1, 1)


def test_size_of_a_bomb_is_read_without_its_pixels() -> None:
    assert size_of(io.BytesIO(_png_bomb(6709))) == (6709, 6709)
    assert size_of(io.BytesIO(b"nothing")) is None


MEMORY = """
import pathlib, sys
from easyai.dashboard.decoding import thumbnail
def peak():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
content = sys.stdin.buffer.read()
before = peak()
thumbnail(content)
print((peak() - before) // 1024)
"""


def test_large_turned_png_is_in_memory_once() -> None:
    content, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (3400, 3400)).save(content, "PNG", exif=exif)
    child = [sys.executable, "-c", MEMORY]
    run = subprocess.run(child, input=content.getvalue(), capture_output=True, check=True)
    assert int(run.stdout) < 75, "megabytes; the pixels take 46"


def test_large_pictures_are_decoded_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = threading.Semaphore(1)

    def made(*_: object) -> bytes:
        if not at_once.acquire(blocking=False):
            raise AssertionError("two at once")
        time.sleep(0.1)
        at_once.release()
        return b""

    monkeypatch.setattr(decoding, "_made", made)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(decoding.thumbnail, [_png_bomb(3000)] * 3)) == [b""] * 3


def _without_memory(*_: object) -> bytes:
    raise MemoryError


def _without_descriptors(*_: object) -> bytes:
    raise OSError(errno.EMFILE, "too many open files")


@pytest.mark.parametrize(
    ("fault", "kind"), [(_without_memory, MemoryError), (_without_descriptors, OSError)]
)
def test_picture_is_not_broken_because_the_machine_has_too_little(
    monkeypatch: pytest.MonkeyPatch, fault: Callable[..., bytes], kind: type[Exception]
) -> None:
    monkeypatch.setattr(decoding, "_made", fault)
    with pytest.raises(kind):
        decoding.thumbnail(jpeg())


def test_missing_picture_and_missing_alert_are_404(api: LiveApi, rows: Rows) -> None:
    without, gone = rows.alert(), rows.alert(image_path="alerts/t/c/gone.jpg")
    outside = rows.alert(image_path="alerts/../../data/operator.token")
    for alert in (without, gone, 999_999):
        for kind in ("thumbnails", "pictures"):
            api.error(404, "GET", f"{DASHBOARD}/{kind}/alerts/{alert}")
            api.error(404, "GET", f"{DASHBOARD}/{kind}/frames/{alert}")
            for of in ("alerts", "frames"):
                path = f"{DASHBOARD}/{kind}/{of}/{alert}?placeholder=true"
                instead = api.call("GET", path)
                assert _image(instead).size == (2, 1)
                assert instead.headers["cache-control"] == "no-store"
                assert instead.headers["x-picture"] == "gone"
    assert api.call("GET", f"{DASHBOARD}/pictures/alerts/{outside}").status_code in (400, 404)
    api.error(400, "GET", f"{THUMBNAILS}/alerts/0")


@pytest.mark.parametrize("kind", ["thumbnails", "pictures"])
def test_no_placeholder_hides_that_the_store_is_away(
    sqlite_api: LiveApi, sqlite_rows: Rows, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def away(*_: object) -> bytes:
        raise StoreUnavailableError

    alert = sqlite_rows.alert(image_path=sqlite_rows.picture("alerts/t/c/1.jpg"))
    monkeypatch.setattr(stored_pictures, "of_alert", away)
    sqlite_api.error(503, "GET", f"{DASHBOARD}/{kind}/alerts/{alert}?placeholder=true")


def test_thumbnail_is_made_once_although_ten_tabs_ask(
    sqlite_api: LiveApi, sqlite_rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    alert = sqlite_rows.alert(image_path=sqlite_rows.picture("alerts/t/c/1.jpg"))
    made, real = [], decoding.thumbnail
    waits = threading.Event()

    def counted(content: bytes) -> bytes:
        made.append(1)
        waits.wait(0.3)
        return real(content)

    monkeypatch.setattr(thumbnails, "thumbnail", counted)
    url = f"{sqlite_api.url}{THUMBNAILS}/alerts/{alert}"
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: requests.get(url, timeout=15), range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(made) == 1


def test_frame_has_a_thumbnail_after_its_picture_was_deleted(api: LiveApi, rows: Rows) -> None:
    key = rows.picture("t/c/1.jpg")
    version = rows.runtime.store.version(key)
    frame = rows.frame(key, version=version)
    assert _image(api.call("GET", f"{THUMBNAILS}/frames/{frame}")).width == 320
    assert api.call("GET", f"{DASHBOARD}/pictures/frames/{frame}").headers["content-type"] == (
        "image/jpeg"
    )
    rows.execute("UPDATE frames SET image_path = '' WHERE id = :id", id=frame)
    assert _image(api.call("GET", f"{THUMBNAILS}/frames/{frame}")).width == 320
    api.error(404, "GET", f"{DASHBOARD}/pictures/frames/{frame}")


def test_id_that_is_used_again_has_another_thumbnail(
    sqlite_api: LiveApi, sqlite_rows: Rows
) -> None:
    path = f"{THUMBNAILS}/alerts/1"
    sqlite_rows.alert(image_path=sqlite_rows.picture("alerts/1.jpg"))
    before = sqlite_api.call("GET", path).content
    sqlite_rows.execute("DELETE FROM alerts")
    sqlite_rows.execute("DELETE FROM sqlite_sequence")
    assert sqlite_rows.alert(image_path=sqlite_rows.picture("alerts/2.jpg", jpeg())) == 1
    assert sqlite_api.call("GET", path).content != before


def test_newer_picture_under_the_name_of_a_frame_is_not_shown(api: LiveApi, rows: Rows) -> None:
    frame = rows.frame(rows.picture("t/c/latest.jpg"), version="another")
    api.error(404, "GET", f"{THUMBNAILS}/frames/{frame}")


def test_text_under_the_name_of_a_picture_is_no_page(
    sqlite_api: LiveApi, sqlite_rows: Rows
) -> None:
    path = sqlite_rows.picture("alerts/t/c/1.jpg", b"<script>alert(1)</script>")
    answer = sqlite_api.call(
        "GET", f"{DASHBOARD}/pictures/alerts/{sqlite_rows.alert(image_path=path)}"
    )
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == "attachment"


def test_cache_deletes_the_oldest_thumbnails_beyond_its_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "thumbnails"
    files = PreviewFiles(folder, most_bytes=10_000)
    for number in range(30):
        files.put(f"a{number}", png(number)[:1000].ljust(1000))
    sizes = [path.stat().st_size for path in folder.glob("*/*")]
    assert 5_000 <= sum(sizes) <= 10_000
    assert files.open("a0") is None
    newest = files.open("a29")
    assert newest is not None
    newest.close()
    with pytest.raises(ValueError):
        files.open("../secret")


def _by_id(api: LiveApi, rows: Rows, alert: int) -> None:
    assert api.call("DELETE", f"/api/v1/alerts/{alert}").status_code == 200


def _by_ids(api: LiveApi, rows: Rows, alert: int) -> None:
    api.post(f"{DASHBOARD}/alerts/delete", {"ids": [alert]})


def _by_filter(api: LiveApi, rows: Rows, alert: int) -> None:
    api.post(f"{DASHBOARD}/alerts/delete", {"filter": {"min_detections": 2}, "up_to": alert})


def _by_retention(api: LiveApi, rows: Rows, alert: int) -> None:
    most = rows.runtime.settings.ai_analysis.max_alerts_in_db
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alert_removal, "counts_beyond", lambda *_: (most + 1, 0))
        assert alert_removal.trim_alerts(rows.runtime, time.monotonic() + 10) == 1


def _alert_of_a_frame(rows: Rows) -> tuple[int, int]:
    """The ids of an alert and of its frame, which have the same picture."""
    path = rows.picture("alerts/t/c/1.jpg")
    frame = rows.frame("t/c/1.jpg", image_path=path, outcome="alert")
    return rows.alert(image_path=path, frame_id=frame), frame


def _kept(rows: Rows) -> list[Path]:
    return list((rows.runtime.settings.easyai.data_dir / "thumbnails").glob("*/*"))


@pytest.mark.parametrize("delete", [_by_id, _by_ids, _by_filter, _by_retention])
def test_thumbnails_of_a_deleted_alert_and_its_frame_are_deleted(
    api: LiveApi, rows: Rows, delete: Callable[[LiveApi, Rows, int], None]
) -> None:
    alert, frame = _alert_of_a_frame(rows)
    paths = (f"{THUMBNAILS}/alerts/{alert}", f"{THUMBNAILS}/frames/{frame}")
    for path in paths:
        assert _image(api.call("GET", path)).width == 320
    assert len(_kept(rows)) == 2
    delete(api, rows, alert)
    assert _kept(rows) == []
    for path in paths:
        api.error(404, "GET", path)


def test_thumbnail_of_a_frame_is_not_shown_after_another_machine_deleted_its_alert(
    sqlite_api: LiveApi, sqlite_rows: Rows
) -> None:
    alert, frame = _alert_of_a_frame(sqlite_rows)
    path = f"{THUMBNAILS}/frames/{frame}"
    assert sqlite_api.call("GET", path).status_code == 200
    sqlite_rows.execute("DELETE FROM alerts WHERE id = :id", id=alert)
    assert len(_kept(sqlite_rows)) == 1
    sqlite_api.error(404, "GET", path)
    sqlite_api.error(404, "GET", f"{DASHBOARD}/pictures/frames/{frame}")


@pytest.mark.parametrize("kind", ["alerts", "frames"])
def test_thumbnail_that_is_made_while_its_alert_is_deleted_is_not_kept(
    sqlite_api: LiveApi, sqlite_rows: Rows, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    alert, frame = _alert_of_a_frame(sqlite_rows)
    real = decoding.thumbnail

    def late(content: bytes) -> bytes:
        alert_removal.delete_alerts(sqlite_rows.runtime, [alert])
        return real(content)

    monkeypatch.setattr(thumbnails, "thumbnail", late)
    number = alert if kind == "alerts" else frame
    sqlite_api.error(404, "GET", f"{THUMBNAILS}/{kind}/{number}")
    assert _kept(sqlite_rows) == []
