"""Which pictures belong to the rows of a backup, and where each picture is now.

The rows are a snapshot. The pictures are read later, while easyai runs. So when a picture is not at
the key of its row, the finder asks the ledger for its present key: the picture was moved meanwhile,
or its row was deleted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO, Final

from sqlalchemy import Row, text

from easyai.db.session import Database
from easyai.errors import InvalidKeyError, PictureNotFoundError
from easyai.store.frame_store import PictureFiles
from easyai.store.keys import held_key
from easyai.store.local_folder import version_of
from easyai.store.local_moves import alike

_TRIES: Final = 5  # a picture is moved once or twice in its life
_FRAME_NOW = text("SELECT id, key, version, image_path, image_target FROM frames WHERE id = :id")
_ALERT_NOW = text("SELECT image_path FROM alerts WHERE id = :id")


class Role(StrEnum):
    """The use of a picture."""

    WAITING = "waiting"  # of a frame that waits to be inferred
    FAILED = "failed"  # of a frame that `requeue` can bring back
    ALERT = "alert"
    CONFIG = "config"  # not a picture: the configuration of a camera's algorithm


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture that a row of the backup names."""

    role: Role
    key: str  # where the picture is or will be, as its row names it
    frame_id: int
    version: str  # '': not known
    alert_id: int = 0


class Fate(StrEnum):
    """Why a picture is not in the backup."""

    ROW_DELETED = "deleted"  # its alert was deleted meanwhile
    INFERRED = "inferred"  # its frame was inferred meanwhile, and left no picture
    LOST = "lost"  # the picture was missing before the backup
    UNREADABLE = "unreadable"  # the picture exists but cannot be read


def of_frame(row: Mapping[str, Any]) -> Wanted | None:
    """The picture of a waiting or failed frame; None for other frames."""
    place, target = row["image_path"], row["image_target"]
    if row["settled_at"] is None:
        return Wanted(Role.WAITING, place or row["key"], row["id"], "" if place else row["version"])
    if row["state"] != "failed" or target == "" or (place == "" and not target):
        return None
    return Wanted(Role.FAILED, target or place or row["key"], row["id"], row["version"])


def of_alert(row: Mapping[str, Any]) -> Wanted | None:
    """The picture of an alert; None when the alert has no picture."""
    if not row["image_path"]:
        return None
    version = row["image_version"] or ""
    return Wanted(Role.ALERT, row["image_path"], row["frame_id"] or 0, version, row["id"])


class Finder:
    """Opens pictures of a local folder where they are now."""

    def __init__(self, db: Database, store: PictureFiles) -> None:
        self._db = db
        self._store = store

    def open(self, wanted: Wanted) -> BinaryIO | Fate:
        """Open the picture, or return why it is missing. Raises StoreUnavailableError."""
        if wanted.role is Role.WAITING and wanted.version:
            with suppress(PictureNotFoundError):
                return self._store.open_version(wanted.key, wanted.frame_id, wanted.version)
        elif file := self._open(wanted.key, wanted.version):
            return file
        fate = Fate.LOST
        for _ in range(_TRIES):
            places, fate = self._now(wanted)
            for key in places:
                if file := self._open(key, wanted.version):
                    return file
            if fate is not Fate.LOST:
                break
        return fate

    def _now(self, wanted: Wanted) -> tuple[list[str], Fate]:
        """The present keys of the picture in the ledger, and its fate if no key has the picture."""
        with self._db.read() as conn:
            alert = conn.execute(_ALERT_NOW, {"id": wanted.alert_id}).first()
            frame = conn.execute(_FRAME_NOW, {"id": wanted.frame_id}).first()
        if wanted.role is Role.ALERT and alert is None:
            return [], Fate.ROW_DELETED
        places = [alert.image_path] if alert and alert.image_path else []
        if frame is None:
            return places, Fate.LOST if wanted.role is Role.ALERT else Fate.INFERRED
        places += _places(frame)
        gone = frame.image_path == "" or frame.image_target == ""
        return places, Fate.INFERRED if gone and wanted.role is not Role.ALERT else Fate.LOST

    def _open(self, key: str, version: str) -> BinaryIO | None:
        """Open the file under a key if it is the version; a copy may have a less exact time."""
        try:
            file = self._store.open(key)
        except (PictureNotFoundError, InvalidKeyError):
            return None
        if version and not alike(version_of(os.fstat(file.fileno())), version):
            file.close()
            return None
        return file


def _places(frame: Row[Any]) -> Iterator[str]:
    if frame.image_target:
        yield frame.image_target
    if frame.image_path:
        yield frame.image_path
        return
    yield held_key(frame.key, int(frame.id), frame.version)
    yield frame.key
