"""Frames in a local folder, pictures served by this server under signed links."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from easyai.domain.frame import KeyRules, is_picture
from easyai.errors import PictureNotFoundError, StoreUnavailableError
from easyai.store.base import Carried, Picture
from easyai.store.keys import LONGEST_KEY, is_text, leftover_name, split_key
from easyai.store.local_folder import GONE, kept, version_of
from easyai.store.signing import LinkSigner

log = logging.getLogger(__name__)

_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


class LocalStore:
    """A folder tree; keys are paths below it with '/' between their parts.

    Symbolic links are never followed, neither by the scan nor by a link to a picture.
    """

    remote = False

    def __init__(self, root: Path, rules: KeyRules, signer: LinkSigner) -> None:
        self.root = root.absolute()
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

    def kept(self, folder: str, after: str, most: int) -> list[Picture]:
        """The next pictures below a folder; costs a listing of each folder on the way."""
        split_key(folder.rstrip("/"))
        try:
            return list(islice(kept(str(self.root), folder, after), most))
        except OSError as error:
            raise self._unavailable(error) from error

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

    def exists(self, key: str) -> bool:
        """Whether something lies under the key."""
        return self.version(key) is not None

    def gone(self, key: str) -> bool:
        """Whether nothing lies under the key, in a folder that is surely the cameras'.

        Raises StoreUnavailableError when the whole folder is empty: so looks the place of a disk
        that is not mounted, and taking its frames for gone would infer them twice later.
        """
        if self.exists(key):
            return False
        self._must_be_mounted()
        return True

    def _must_be_mounted(self) -> None:
        try:
            with os.scandir(self.root) as entries:
                if next(entries, None) is not None:
                    return
        except OSError as error:
            raise self._unavailable(error) from error
        raise StoreUnavailableError(f"frame folder {self.root}: empty; is its disk mounted?")

    def version(self, key: str) -> str | None:
        """Modification time and size, or None when there is nothing."""
        try:
            return version_of(os.lstat(self._path(key)))
        except OSError as error:
            if error.errno in GONE:
                return None
            raise self._unavailable(error) from error

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

    def move(self, source: str, target: str, version: str) -> Carried:
        """Rename a picture; the folder of the target is made when it is missing."""
        path, goal = self._path(source), self._path(target)
        found = self.version(source)
        if found is None:
            # A rename keeps the version, so another file under the target is told apart.
            there = self.version(target)
            if there is not None and (not version or there == version):
                return Carried.DONE
            self._must_be_mounted()
            return Carried.MISSING
        if version and found != version:
            # A rename keeps the version: moved before a crash, and a newer one came since.
            return Carried.DONE if self.version(target) == version else Carried.REPLACED
        try:
            if os.path.lexists(goal):
                # Another worker may have moved this very picture since we looked.
                moved = self.version(source) is None and self.version(target) == found
                return Carried.DONE if moved else Carried.TAKEN
            try:
                os.rename(path, goal)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(goal), exist_ok=True)
                os.rename(path, goal)
        except OSError as error:
            if error.errno == errno.EXDEV:
                return self._move_to_other_disk(path, goal)
            raise self._unavailable(error) from error
        return Carried.DONE

    def _move_to_other_disk(self, path: str, goal: str) -> Carried:
        try:
            _copy_and_delete(path, goal)
        except OSError as error:
            raise self._unavailable(error) from error
        return Carried.DONE

    def delete(self, key: str, version: str) -> Carried:
        """Remove a picture; one that has gone already is as good."""
        found = self.version(key)
        if found is None:
            self._must_be_mounted()  # else it would come back with its disk, as a new frame
            return Carried.DONE
        if version and found != version:
            return Carried.REPLACED
        try:
            os.unlink(self._path(key))
        except FileNotFoundError:
            return Carried.DONE
        except OSError as error:
            raise self._unavailable(error) from error
        return Carried.DONE

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

    def _path(self, key: str) -> str:
        split_key(key)
        return f"{self.root}/{key}"

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

    def _unavailable(self, error: OSError) -> StoreUnavailableError:
        return StoreUnavailableError(f"frame folder {self.root}: {error.strerror}")


def _copy_and_delete(path: str, goal: str) -> None:
    folder, name = os.path.split(goal)
    draft = f"{folder}/{leftover_name(name)}"
    shutil.copy2(path, draft)  # the time of modification too: it is part of the version
    descriptor = os.open(draft, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    os.rename(draft, goal)
    os.unlink(path)


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
