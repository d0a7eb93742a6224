"""Exports of alerts that stream: memory is bounded, whatever their number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final, NamedTuple

from easyai.dashboard import stored_pictures
from easyai.dashboard.export_files import ExportFiles
from easyai.dashboard.export_rows import Coco, csv_head, csv_line
from easyai.dashboard.thumbnails import Thumbnails
from easyai.dashboard.zip_stream import ZipStream
from easyai.db import alert_changes, alert_lists, alert_reviews
from easyai.db.alert_filter import AlertChoice
from easyai.errors import DatabaseUnavailableError, EasyaiError
from easyai.runtime import Runtime

_AT_ONCE: Final = 100  # alerts that are read at once
_PIECE: Final = 256 * 1024  # bytes
_SUFFIXES: Final = (".jpg", ".jpeg", ".png")


class Exported(NamedTuple):
    """An alert to export."""

    row: Any
    review: Any
    size: tuple[int, int] | None


def alerts(runtime: Runtime, choice: AlertChoice) -> Iterator[list[Exported]]:
    """The alerts of a choice, newest first, some at a time; alerts that come later stay out."""
    thumbnails = runtime.part(Thumbnails)
    with runtime.db.read() as conn:
        before: int | None = alert_changes.newest(conn) + 1
    while before is not None:
        with runtime.db.snapshot() as conn:
            ids, before = alert_changes.ids(conn, choice, _AT_ONCE, before)
            rows = alert_lists.rows(conn, ids)
            reviews = alert_reviews.of(conn, ids)
        yield [Exported(row, reviews.get(row.id), thumbnails.size_of_alert(row)) for row in rows]


def as_csv(runtime: Runtime, choice: AlertChoice) -> Iterator[bytes]:
    """A line for each alert."""
    yield csv_head().encode()
    for some in alerts(runtime, choice):
        yield "".join(csv_line(each.row, each.review) for each in some).encode()


def as_coco(runtime: Runtime, choice: AlertChoice) -> Iterator[bytes]:
    """An object with images, annotations and categories."""
    with ExportFiles(runtime) as files:
        coco = _CocoFile(files.open())
        yield b'{"info":{"description":"easyai alerts"},"images":['
        for some in alerts(runtime, choice):
            files.check()
            yield "".join(coco.add(each, each.row.image_path) for each in some).encode()
        yield from coco.end()


def as_zip(runtime: Runtime, choice: AlertChoice, made_at: float) -> Iterator[bytes]:
    """The pictures, then ``alerts.csv`` and ``coco.json``; a picture that is gone is left out."""
    with ExportFiles(runtime) as files:
        archive, coco = ZipStream(made_at, files.open()), _CocoFile(files.open())
        lines, images = files.open(), files.open()
        lines.write(csv_head().encode())
        images.write(b'{"info":{"description":"easyai alerts"},"images":[')
        for some in alerts(runtime, choice):
            files.check()
            for each in some:
                name = _name(each.row)
                lines.write(csv_line(each.row, each.review).encode())
                images.write(coco.add(each, name).encode())
                content = _picture(runtime, each.row)
                if content is not None:
                    yield from archive.file(name, content)
        for piece in coco.end():
            images.write(piece)
        yield from archive.copy("alerts.csv", lines)
        yield from archive.copy("coco.json", images)
        yield from archive.end()


class _CocoFile:
    """Annotations wait in a file while the images are written."""

    def __init__(self, kept: BinaryIO) -> None:
        self._coco = Coco()
        self._kept = kept
        self._images = 0

    def add(self, each: Exported, file_name: str) -> str:
        """The image of an alert, after a comma if it is not the first."""
        for annotation in self._coco.annotations(each.row, each.size):
            comma = "," if self._kept.tell() else ""
            self._kept.write(f"{comma}{annotation}".encode())
        self._images += 1
        comma = "," if self._images > 1 else ""
        return comma + self._coco.image(each.row, each.size, file_name)

    def end(self) -> Iterator[bytes]:
        """What follows the images."""
        yield b'],"annotations":['
        self._kept.seek(0)
        while piece := self._kept.read(_PIECE):
            yield piece
        yield f'],"categories":{self._coco.categories()}}}\n'.encode()


def _picture(runtime: Runtime, row: Any) -> bytes | None:
    try:
        return stored_pictures.of_alert(runtime, row.image_path)
    except DatabaseUnavailableError:
        raise
    except EasyaiError:
        return None


def _name(row: Any) -> str:
    """The name of a picture in the archive: no path of a stranger gets out of its folder."""
    suffix = PurePosixPath(row.image_path).suffix.lower()
    return f"pictures/{row.id}{suffix if suffix in _SUFFIXES else '.jpg'}"
