"""Frames in a local folder, pictures served by this server under signed links."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from easyai.domain.frame import KeyRules, is_picture
from easyai.errors import PictureNotFoundError, StoreUnavailableError
from easyai.store.base import Picture
from easyai.store.keys import LONGEST_KEY, is_text, split_key
from easyai.store.local_folder import CLAIM_KEY, GONE, version_of
from easyai.store.local_moves import Moves
from easyai.store.renames import rename_noreplace
from easyai.store.signing import LinkSigner

log = logging.getLogger(__name__)

_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_LARGEST_CLAIM = 10_000  # bytes
_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


class LocalStore(Moves):
    """A folder tree; keys are paths below it with '/' between their parts.

    Symbolic links are never followed, neither by the scan nor by a link to a picture.
    """

    remote = False

    def __init__(self, root: Path, rules: KeyRules, signer: LinkSigner) -> None:
        super().__init__(root)
        self.rules = rules
        self._signer = signer
        self._complained: set[str] = set()

    def walk(self) -> Iterator[list[str]]:
        """One page for each folder that holds pictures; costs one listing a folder."""
        yield from self._walk(str(self.root), "")

    def _walk(self, folder: str, prefix: str) -> Iterator[list[str]]:
        pictures, folders = [], []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
                    elif is_picture(entry.name):
                        if entry.is_file(follow_symlinks=False):
                            pictures.append(prefix + entry.name)
                        else:
                            self._complain_once(prefix + entry.name, "not a regular file")
        except OSError as error:
            if not prefix:
                raise StoreUnavailableError(
                    f"frame folder {self.root}: {error.strerror}"
                ) from error
            if error.errno not in GONE:
                self._complain_once(prefix, f"cannot be listed: {error.strerror}")
            return
        self._complained.discard(prefix)
        if pictures:
            yield [key for key in pictures if self._is_text(key)]
        for name in folders:
            key = f"{prefix}{name}/"
            if key not in self.rules.excluded:
                yield from self._walk(f"{folder}/{name}", key)

    def ready(self, key: str, stable_sec: float) -> Picture | None:
        """A picture is whole when it ends as its format does, else when unchanged for a while."""
        path = self._path(key)
        try:
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode):
                return None
            # The absolute age: after the clock was set back, files from the future are old too.
            still = abs(time.time() - status.st_mtime) >= stable_sec
            if not still and not _ends_as_it_should(path, status.st_size):
                return None
        except OSError as error:
            if error.errno in GONE:
                return None
            # One bad file or sector must not stop the others: it is looked at again by each scan.
            self._complain_once(key, f"cannot be read: {error.strerror}")
            return None
        return Picture(key, version_of(status), status.st_mtime)

    def read(self, key: str, limit: int) -> tuple[str, bytes] | None:
        """Version and content of a small file below the folder."""
        try:
            with self.open(key) as file:
                version = version_of(os.fstat(file.fileno()))
                content = file.read(limit + 1)
        except PictureNotFoundError:
            return None
        if len(content) > limit:
            raise StoreUnavailableError(f"{key}: larger than {limit} bytes")
        return version, content

    def open(self, key: str) -> BinaryIO:
        """Open a regular file for reading, following no symbolic link on the way.

        Raises PictureNotFoundError when there is none, InvalidKeyError for a key that leaves the
        folder.
        """
        parts = split_key(key)
        try:
            folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
            try:
                for part in parts[:-1]:
                    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
                    below = os.open(part, flags, dir_fd=folder)
                    os.close(folder)
                    folder = below
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                descriptor = os.open(parts[-1], flags, dir_fd=folder)
            finally:
                os.close(folder)
        except OSError as error:
            if error.errno in (*GONE, errno.ENXIO):
                raise PictureNotFoundError from None
            raise self._unavailable(error) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise PictureNotFoundError
        return os.fdopen(descriptor, "rb")

    def held(self) -> Iterator[str]:
        """The keys of pictures under private names; reads every folder of cameras."""
        try:
            yield from self.held_outside(self.rules.excluded)
        except OSError as error:
            raise self._unavailable(error) from error

    def claim(self, content: bytes, *, replace: bool = False) -> bytes:
        """Put a claim into the folder, unless there is one; what stands there then."""
        path = f"{self.root}/{CLAIM_KEY}"
        draft = f"{path}.{secrets.token_hex(4)}"
        try:
            try:
                with open(draft, "xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                if replace:
                    os.replace(draft, path)
                else:
                    rename_noreplace(draft, path)
            except FileExistsError:
                pass
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(draft)
            with open(path, "rb") as file:
                return file.read(_LARGEST_CLAIM)
        except OSError as error:
            raise self._unavailable(error) from error

    def url(self, key: str, ttl_sec: float) -> str:
        """A signed link of this server."""
        return self._signer.url(key, ttl_sec)

    def free_percent(self) -> float | None:
        """What `df` calls available, of the folder's file system; 0 to 100."""
        try:
            disk = os.statvfs(self.root)
        except OSError as error:
            raise self._unavailable(error) from error
        usable = disk.f_blocks - disk.f_bfree + disk.f_bavail
        return 100.0 * disk.f_bavail / usable if usable else None

    def check(self) -> None:
        """Raise StoreUnavailableError when the folder cannot be listed and written."""
        if not os.access(self.root, os.R_OK | os.W_OK | os.X_OK):
            raise StoreUnavailableError(f"frame folder {self.root}: missing or not writable")

    def _is_text(self, key: str) -> bool:
        if is_text(key):
            if len(key.encode()) <= LONGEST_KEY:
                return True
            self._complain_once(key, f"its path is longer than {LONGEST_KEY} bytes; shorten it")
            return False
        shown = key.encode("utf-8", "backslashreplace").decode()
        self._complain_once(shown, "its name is not UTF-8; rename it")
        return False

    def _complain_once(self, key: str, why: str) -> None:
        if key not in self._complained and len(self._complained) < 10_000:
            self._complained.add(key)
            log.warning("not a frame, left alone: %r: %s", key, why)


def _ends_as_it_should(path: str, size: int) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        start = os.pread(descriptor, 8, 0)
        end = os.pread(descriptor, 8, max(0, size - 8))
    finally:
        os.close(descriptor)
    if start.startswith(_JPEG_START):
        return size > 4 and end.endswith(_JPEG_END)
    return start == _PNG_START and end == _PNG_END
