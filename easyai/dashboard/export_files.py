"""The temporary files of an export, in the data folder: /tmp of a container may be small."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from typing import BinaryIO, Final

from easyai.errors import EasyaiError
from easyai.runtime import Runtime

_MOST_BYTES: Final = 1_000_000_000  # of the files of an export together: about a million alerts
_LEAST_FREE: Final = 200_000_000  # bytes that stay free for the database


class ExportTooLargeError(EasyaiError):
    """The export was ended: its temporary files are too large, or the disk is almost full."""

    http_status = 507


class ExportFiles(ExitStack):
    """Opens the files, and deletes them at its end."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__()
        self._folder = runtime.settings.easyai.data_dir
        self._files: list[BinaryIO] = []

    def open(self) -> BinaryIO:
        """A new empty file without a name. Raises OSError."""
        file = self.enter_context(tempfile.TemporaryFile(dir=self._folder))  # noqa: SIM115
        self._files.append(file)
        return file

    def check(self) -> None:
        """Raise ExportTooLargeError if the files are too large, or the disk is almost full."""
        size = sum(file.tell() for file in self._files)
        if size > _MOST_BYTES or shutil.disk_usage(self._folder).free < _LEAST_FREE:
            raise ExportTooLargeError
