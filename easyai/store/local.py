"""Frames in a local folder; this server serves the pictures under signed links."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from easyai.domain.frame import KeyRules
from easyai.domain.reason import NO_REASON, Reason, quoted
from easyai.errors import PictureNotFoundError, StoreUnavailableError
from easyai.store.keys import held_key, split_key
from easyai.store.local_folder import CLAIM_KEY, GONE, of_folder, version_of
from easyai.store.local_moves import NO_WRITES, Moves
from easyai.store.local_watch import LocalWatch
from easyai.store.renames import rename_noreplace
from easyai.store.signing import LinkSigner

log = logging.getLogger(__name__)

_LARGEST_CLAIM = 10_000  # bytes


class LocalStore(Moves):
    """A folder tree; keys are paths below it with '/' between their parts.

    Symbolic links are never followed, neither by the scan nor by a link to a picture.
    """

    ignores: tuple[str, ...] = ()
    remote = False

    def __init__(self, root: Path, rules: KeyRules, signer: LinkSigner) -> None:
        super().__init__(root)
        self.rules = rules
        self._signer = signer

    def watch(self) -> LocalWatch:
        """A new memory of the folder for a scanner."""
        return LocalWatch(str(self.root), self.rules)

    def read(self, key: str, limit: int) -> tuple[str, bytes] | None:
        """Version and content of a small file below the folder."""
        try:
            with self.open(key) as file:
                version = version_of(os.fstat(file.fileno()))
                content = file.read(limit + 1)
        except PictureNotFoundError:
            return None
        if len(content) > limit:
            raise StoreUnavailableError(Reason.of("store.too_large", key=key, limit_bytes=limit))
        return version, content

    def open(self, key: str) -> BinaryIO:
        """Open a regular file for reading, without following a symbolic link on the way.

        Raises PictureNotFoundError when there is no such file, InvalidKeyError for a key that
        leaves the folder.
        """
        parts = split_key(key)
        try:
            folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:  # such as a mount that is not there: no picture is gone
            raise self._unavailable(error) from error
        try:
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

    def open_version(self, key: str, frame_id: int, version: str) -> BinaryIO:
        """Open a frame's picture, held or not, if it still has the version ('' for any).

        Raises PictureNotFoundError when the folder does not have that version.
        """
        for name in (held_key(key, frame_id, version), key):
            with suppress(PictureNotFoundError):
                file = self.open(name)
                if version in ("", version_of(os.fstat(file.fileno()))):
                    return file
                file.close()
        raise PictureNotFoundError

    def held(self) -> Iterator[str]:
        """The keys of pictures under private names; reads every folder of cameras."""
        try:
            yield from self.held_outside(self.rules.excluded)
        except OSError as error:
            raise self._unavailable(error) from error

    def claim(self, content: bytes, *, replace: bool = False) -> bytes:
        """Write a claim into the folder unless a claim exists; returns the present claim.

        Writes nothing into a folder that takes no file now (full, read-only): the next call tries
        again.
        """
        path = f"{self.root}/{CLAIM_KEY}"
        present = None if replace else self._claim_at(path)
        if present is not None:
            return present
        try:
            self._put_claim(path, content, replace=replace)
        except OSError as error:
            if replace or error.errno not in NO_WRITES:
                raise self._unavailable(error) from error
            log.warning("frame folder not claimed yet: %s: %s", self.root, error.strerror)
        return self._claim_at(path) or content

    def _claim_at(self, path: str) -> bytes | None:
        try:
            with open(path, "rb") as file:
                return file.read(_LARGEST_CLAIM)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unavailable(error) from error

    def _put_claim(self, path: str, content: bytes, *, replace: bool) -> None:
        draft = f"{path}.{secrets.token_hex(4)}"
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
            pass  # another process was faster
        finally:
            with suppress(OSError):  # no draft, or the folder takes no changes at all
                os.unlink(draft)

    def url(self, key: str, ttl_sec: float) -> str:
        """A signed link of this server."""
        return self._signer.url(key, ttl_sec)

    def free_percent(self) -> float | None:
        """The space that `df` calls available in the folder's file system; 0 to 100 percent."""
        try:
            disk = os.statvfs(self.root)
        except OSError as error:
            raise self._unavailable(error) from error
        usable = disk.f_blocks - disk.f_bfree + disk.f_bavail
        return 100.0 * disk.f_bavail / usable if usable else None

    def require_readable(self) -> None:
        """Raise StoreUnavailableError when the folder itself cannot be read."""
        try:
            os.listdir(self.root)
            os.lstat(f"{self.root}/.")  # whether the files in the folder can be reached, too
        except OSError as error:
            raise self._unavailable(error) from error

    def check(self) -> None:
        """Raise StoreUnavailableError when the folder cannot be listed and written."""
        fault = _fault(self.root)
        if fault:
            raise StoreUnavailableError(of_folder(self.root, fault))


def _fault(folder: Path) -> Reason:
    """Why the folder cannot be listed and written; `NO_REASON` when it can."""
    try:
        if not stat.S_ISDIR(os.stat(folder).st_mode):
            return Reason("store.no_folder")
        if os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
            return NO_REASON
        if os.statvfs(folder).f_flag & os.ST_RDONLY:
            return Reason("store.disk_read_only")
    except FileNotFoundError:
        return Reason("store.folder_missing")
    except PermissionError:
        return Reason("store.no_look")
    except OSError as error:
        return quoted(error.strerror or str(error))
    return Reason.of("store.no_permission", user=os.geteuid())
