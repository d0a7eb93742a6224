"""The folder of a local store: paths, versions, and whether its disk is mounted."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from easyai.domain.reason import Reason, quote
from easyai.errors import StoreUnavailableError
from easyai.store.keys import split_key

# Also a name that is too long and a circular link: no file can exist there.
GONE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)
CLAIM_KEY: Final = ".easyai-installation.json"


def version_of(status: os.stat_result) -> str:
    """Modification time and size, which distinguish a picture from the next under its key."""
    return f"{status.st_mtime_ns}-{status.st_size}"


class Folder:
    """A folder whose files are named by keys; turns OSErrors into StoreUnavailableError."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def version(self, key: str) -> str | None:
        """Modification time and size of the file under the key, or None."""
        return self._version_at(self._path(key))

    def exists(self, key: str) -> bool:
        """Whether a file exists under the key."""
        return self.version(key) is not None

    def gone(self, key: str) -> bool:
        """Whether the key does not exist, in a folder that is certainly the cameras' folder.

        Raises StoreUnavailableError when the whole folder is empty, as the mount point of a disk
        that is not mounted. If its frames counted as gone, they would be inferred twice later.
        """
        if self.exists(key):
            return False
        self.require_mounted()
        return True

    def require_mounted(self) -> None:
        """Raise StoreUnavailableError when the folder holds at most our claim."""
        try:
            with os.scandir(self.root) as entries:
                # Our own claim may have been written into the bare mount point.
                if any(entry.name != CLAIM_KEY for entry in entries):
                    return
        except OSError as error:
            raise self._unavailable(error) from error
        raise StoreUnavailableError(of_folder(self.root, Reason("store.folder_empty")))

    def _version_at(self, path: str) -> str | None:
        try:
            return version_of(os.lstat(path))
        except OSError as error:
            if error.errno in GONE:
                return None
            raise self._unavailable(error) from error

    def _path(self, key: str) -> str:
        split_key(key)
        return f"{self.root}/{key}"

    def _unavailable(self, error: OSError) -> StoreUnavailableError:
        return unavailable(self.root, error)


def of_folder(root: Path | str, why: Reason | str) -> Reason:
    """A fault of the frame folder as a reason; a `why` of type str is the operating system's."""
    return Reason.of("store.folder", folder=str(root), why=why)


def unavailable(root: Path | str, error: OSError) -> StoreUnavailableError:
    """The error to raise when the operating system refuses the frame folder."""
    return StoreUnavailableError(of_folder(root, quote(str(error.strerror))))
