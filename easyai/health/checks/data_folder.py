"""The named check that the data folder and its database are the same as when the process started.

SQLite goes on writing to an open file that was moved or deleted. Everything else looks well, and
the next restart loses what was written.
"""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.engine import make_url

from easyai.domain.reason import Reason
from easyai.health.checks.named_check import NotWellError
from easyai.runtime import Runtime

_Identity = tuple[int, int]  # device and inode


class DataFolderCheck:
    """Folder and file still exist if they existed when this process started, and are the same."""

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
                # Missing or replaced: a running process may have created an empty folder anew.
                raise NotWellError(Reason.of("data_folder.moved", place=str(place)))
            self._first[place] = now  # a place created since then is checked from now on


def _identity(place: Path) -> _Identity | None:
    """Device and inode; None for a missing place. Raises OSError when it cannot be examined."""
    try:
        status = os.stat(place)  # noqa: PTH116 - Path.exists would hide a folder without rights
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino
