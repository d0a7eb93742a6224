"""The named check that the data folder and the database in it are those of the start.

An open SQLite file goes on being written when it was moved or deleted: everything else looks well,
and what is written is lost with the next restart.
"""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.engine import make_url

from easyai.domain.reason import Reason
from easyai.health.checks.check import NotWellError
from easyai.runtime import Runtime

_Identity = tuple[int, int]  # device and inode


class DataFolderCheck:
    """What was there when this process began is there still; what was not, is not missed."""

    name = "data"
    limit_sec = 2.0

    def __init__(self, runtime: Runtime) -> None:
        places = [runtime.settings.easyai.data_dir.absolute()]
        file = make_url(runtime.db.url).database if runtime.db.is_sqlite else None
        if file and file != ":memory:":
            places.append(Path(file).absolute())
        self._first = {place: _identity(place) for place in places}

    def check(self) -> None:
        """Raise NotWellError with the place and what to do."""
        for place, first in self._first.items():
            now = _identity(place)
            if first is not None and now != first:
                # Gone or another one: what is at work may have made an empty folder anew.
                raise NotWellError(Reason.of("data_folder.moved", place=str(place)))
            self._first[place] = now  # one that has come since counts from now on


def _identity(place: Path) -> _Identity | None:
    """None for what is not there; a place that cannot be looked at now raises OSError."""
    try:
        status = os.stat(place)  # noqa: PTH116 - Path.exists would hide a folder without rights
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino
