"""Exports have every alert that was chosen, and end with their client."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import requests

from easyai.dashboard import alert_export, export_files
from easyai.dashboard.export_files import ExportTooLargeError
from easyai.dashboard.zip_stream import ZipStream
from easyai.db.alert_filter import AlertChoice, AlertFilter
from easyai.runtime import Runtime
from tests.integration.api.live import LiveApi
from tests.integration.dashboard.rows import DASHBOARD, STREET, Rows
from tests.support.waiting import wait_until

EXPORT = f"{DASHBOARD}/alerts/export"
PEOPLE = {
    "detections": [
        {"bbox": [64, 48, 128, 96], "class_name": "人", "confidence": 0.9},
        {"bbox": [0.5, "x", 1, 1], "class_name": "hostile"},
        {"bbox": [0, 0, 640, 480], "class_name": "car"},
    ]
}


def _get(api: LiveApi, form: str, query: str = "") -> requests.Response:
    answer = api.call("GET", f"{EXPORT}?format={form}{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    return answer


def _lines(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def test_csv_has_a_line_for_each_chosen_alert(api: LiveApi, rows: Rows) -> None:
    ids = [rows.alert({"line_crossing": {"门": {"count": 2}}}) for _ in range(3)]
    rows.alert(task_id="other")
    api.call("PUT", f"{DASHBOARD}/alerts/reviewed", json={"ids": ids[:1], "reviewed": True})
    lines = _lines(_get(api, "csv", "&task_id=门口2").content)
    assert [int(line["id"]) for line in lines] == ids[::-1]
    assert [line["reviewed_by"] for line in lines] == ["", "", "local"]
    assert json.loads(lines[0]["crossings"])[0]["count"] == 2
    assert [int(line["id"]) for line in _lines(_get(api, "csv", "&reviewed=yes").content)] == ids[
        :1
    ]
    api.error(400, "GET", f"{EXPORT}?format=pdf")


def test_name_of_a_stranger_is_no_formula_in_a_spreadsheet(
    sqlite_api: LiveApi, sqlite_rows: Rows
) -> None:
    sqlite_rows.alert(task_id="=cmd|' /C calc'!A0", algorithm_name="@SUM(1)")
    (line,) = _lines(_get(sqlite_api, "csv").content)
    assert line["task_id"].startswith("'=")
    assert line["algorithm_name"].startswith("'@")


def test_coco_has_boxes_in_pixels_with_their_categories(api: LiveApi, rows: Rows) -> None:
    alert = rows.alert(PEOPLE, image_path=rows.picture("alerts/1.jpg"))
    empty = rows.alert()
    coco = _get(api, "coco").json()
    assert [image["id"] for image in coco["images"]] == [empty, alert]
    assert (coco["images"][1]["width"], coco["images"][1]["height"]) == (640, 480)
    first, second = coco["annotations"]
    assert (first["bbox"], first["area"], first["image_id"]) == ([64, 48, 64, 48], 3072, alert)
    names = {category["id"]: category["name"] for category in coco["categories"]}
    assert [names[each["category_id"]] for each in (first, second)] == ["人", "car"]


def test_coco_without_alerts_is_valid(api: LiveApi, rows: Rows) -> None:
    coco = _get(api, "coco").json()
    assert (coco["images"], coco["annotations"], coco["categories"]) == ([], [], [])
    assert _lines(_get(api, "csv").content) == []


def test_zip_has_the_pictures_with_their_lines(
    api: LiveApi, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_export, "_AT_ONCE", 2)
    ids = [
        rows.alert(PEOPLE, image_path=rows.picture(f"alerts/../x/{n}.JPG".replace("../", "")))
        for n in range(5)
    ]
    rows.alert(image_path="alerts/gone.jpg")
    with zipfile.ZipFile(io.BytesIO(_get(api, "zip").content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        pictures = [f"pictures/{number}.jpg" for number in ids[::-1]]
        assert names == [*pictures, "alerts.csv", "coco.json"]
        assert archive.read(names[0]) == STREET.read_bytes()
        assert len(_lines(archive.read("alerts.csv"))) == 6
        coco = json.loads(archive.read("coco.json"))
    assert {image["file_name"] for image in coco["images"]} >= set(names[:5])


def test_archive_of_many_files_is_read_by_others() -> None:
    made = bytearray()
    with tempfile.TemporaryFile() as kept:
        archive = ZipStream(time.time(), kept)
        for number in range(70_000):  # more than an archive without ZIP64 has
            for piece in archive.file(f"图/{number}", b"x"):
                made += piece
        for piece in archive.copy("empty", io.BytesIO()):
            made += piece
        for piece in archive.end():
            made += piece
    with zipfile.ZipFile(io.BytesIO(made)) as read:
        assert len(read.namelist()) == 70_001
        assert read.read("图/69999") == b"x"
        assert read.read("empty") == b""


def test_export_ends_with_its_client_and_two_run_at_once(
    sqlite_api: LiveApi, sqlite_rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_rows.alert()
    under_way: list[str] = []

    def endless(*_: Any) -> Any:
        under_way.append("x")
        try:
            while True:
                yield b"x" * 100_000
        finally:
            under_way.pop()

    monkeypatch.setattr("easyai.dashboard.routes.export_pages.as_csv", endless)
    url = f"{sqlite_api.url}{EXPORT}"
    streams = [requests.get(url, stream=True, timeout=15) for _ in range(2)]
    # Kept: a forgotten iterator closes its connection.
    pieces = [stream.iter_content(1000) for stream in streams]
    assert [next(piece) for piece in pieces]
    assert "again in some seconds" in sqlite_api.error(503, "GET", EXPORT)
    for stream in streams:
        stream.close()
    wait_until(lambda: not under_way, 10, "both exports have ended")
    monkeypatch.undo()
    assert _get(sqlite_api, "coco")


@pytest.mark.parametrize("form", ["coco", "zip"])
def test_files_of_an_export_are_in_the_data_folder(
    sqlite_api: LiveApi,
    sqlite_rows: Rows,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    form: str,
) -> None:
    sqlite_rows.alert(PEOPLE)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no such folder"))
    assert _get(sqlite_api, form).content


@pytest.mark.parametrize(("limit", "value"), [("_MOST_BYTES", 10), ("_LEAST_FREE", 2**62)])
def test_export_ends_before_the_disk_is_full(
    sqlite_runtime: Runtime,
    sqlite_rows: Rows,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: int,
) -> None:
    sqlite_rows.alert(PEOPLE)
    monkeypatch.setattr(export_files, limit, value)
    with pytest.raises(ExportTooLargeError):
        list(alert_export.as_zip(sqlite_runtime, AlertChoice(AlertFilter()), time.time()))
