"""Holds, moves and deletes pictures of a local folder; nothing is ever overwritten.

A picture is first renamed from its key to a private name (`keys.held_key`), then checked. So no
writer can replace the picture between the check and the next step, and a newer picture stays under
the key.
"""

from __future__ import annotations

import errno
import filecmp
import logging
import os
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from easyai.store.frame_store import Carried, Held
from easyai.store.keys import SENT_DRAFT, draft_name, held_key, held_name
from easyai.store.local_folder import GONE, Folder
from easyai.store.renames import rename_noreplace, rename_to_own

log = logging.getLogger(__name__)

# The folder cannot be changed, at least for now: pictures are used without a rename.
NO_WRITES: Final = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENAMETOOLONG,
)
_OLD_DRAFT_SEC: Final = 3600.0  # no upload takes as long
_COARSEST_MTIME_NS: Final = 2_000_000_000  # FAT's, to which a picture may have been copied


class Moves(Folder):
    """The changes to a folder."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._logged_no_renames = False

    def hold(self, key: str, frame_id: int, version: str) -> Held:
        """Rename a picture to its private name; only check it where renames are not permitted."""
        path, held = self._path(key), held_key(key, frame_id, version)
        private = f"{self.root}/{held}"
        try:
            rename_to_own(path, private)
        except FileExistsError:
            pass  # held before; the picture under the key is newer
        except OSError as error:
            if error.errno in NO_WRITES:
                self._log_no_renames(error)  # the picture may be held since renames still worked
            elif error.errno not in GONE:
                raise self._unavailable(error) from error
        current = self._version_at(private)
        if current == version:
            return Held(Carried.DONE, held)
        if current is None:
            return self._look(key, version)
        self._put_back(private, path)
        return Held(Carried.REPLACED, key)

    def keep(self, source: str, target: str, version: str) -> Carried:
        """Check that a picture still has the version; the move follows after the commit.

        A picture that a writer changed under its private name, through an open file, goes back to
        its key.
        """
        looked = self._look(source, version)
        folder, _, name = source.rpartition("/")
        own = held_name(name)
        if looked.carried is Carried.REPLACED and own is not None:
            self._put_back(self._path(source), self._path(f"{folder}/{own.name}"))
        return looked.carried

    def drop_copy(self, source: str, target: str, version: str) -> Carried:
        """Return MISSING: `keep` makes no copy."""
        return Carried.MISSING

    def move(self, source: str, target: str, version: str, frame_id: int = 0) -> Carried:
        """Rename a picture; creates the folder of the target when it is missing."""
        goal = self._path(target)
        if not version:
            return self._move_ours(self._path(source), goal)
        held = self._find(source, frame_id, version)
        if held.carried is not Carried.DONE:
            # A rename keeps the version, so an equal version at the goal means that the move was
            # done before a crash, or by another worker just now.
            present = self._version_at(goal)
            return Carried.DONE if present and alike(present, version) else held.carried
        path = self._path(held.key)
        moved = self._rename(path, goal)
        if moved is not Carried.TAKEN:
            return moved
        moved = self._finish_copy(path, goal)
        if moved is Carried.TAKEN and not frame_id:
            self.release(held.key)  # no later step would find the private name
        return moved

    def delete(self, key: str, version: str, frame_id: int = 0) -> Carried:
        """Delete a picture that still has the version; MISSING when the picture does not exist."""
        if not version:
            return self._unlink(key)
        held = self._find(key, frame_id, version)
        return self._unlink(held.key) if held.carried is Carried.DONE else held.carried

    def discard(self, key: str, version: str) -> Carried:
        """Delete a picture that a move wrote, if it still has the version."""
        current = self.version(key)
        if current is not None and version and not alike(current, version):
            return Carried.REPLACED
        return self._unlink(key)

    def held_outside(self, excluded: Collection[str]) -> Iterator[str]:
        """The keys of all private names outside the excluded folders; reads every other folder.

        Deletes the drafts of sent pictures whose writer was killed. Raises OSError.
        """
        yield from _held(str(self.root), "", excluded)

    def release(self, held: str) -> Carried:
        """Rename a picture from its private name to its own name, unless that name is taken."""
        folder, _, name = held.rpartition("/")
        own = held_name(name)
        if own is None:
            return Carried.MISSING
        return self._rename(self._path(held), self._path(f"{folder}/{own.name}"))

    def _find(self, key: str, frame_id: int, version: str) -> Held:
        """Like `hold`, for a picture that is usually held already."""
        self._path(key)
        held = held_key(key, frame_id, version)
        if self._version_at(f"{self.root}/{held}") == version:
            return Held(Carried.DONE, held)
        return self.hold(key, frame_id, version)

    def _look(self, key: str, version: str) -> Held:
        current = self.version(key)
        if current is None:
            self.require_mounted()  # or the picture would return with its disk, as a new frame
            return Held(Carried.MISSING, key)
        return Held(Carried.DONE if current == version or not version else Carried.REPLACED, key)

    def _put_back(self, private: str, path: str) -> None:
        """Rename a newer picture to its key; delete it when a still newer picture has the key."""
        try:
            rename_noreplace(private, path)
        except FileExistsError:
            with suppress(FileNotFoundError):
                os.unlink(private)
        except FileNotFoundError:
            return  # another worker has put the picture back
        except OSError as error:
            raise self._unavailable(error) from error

    def _move_ours(self, path: str, goal: str) -> Carried:
        """Move a picture from a place of ours, whatever its version: the picture is ours."""
        present = self._version_at(goal)
        if self._version_at(path) is None:
            if present is not None:
                return Carried.DONE
            self.require_mounted()
            return Carried.MISSING
        if present is not None:
            return self._finish_copy(path, goal)
        return self._rename(path, goal)

    def _rename(self, path: str, goal: str) -> Carried:
        try:
            try:
                rename_noreplace(path, goal)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(goal), exist_ok=True)
                rename_noreplace(path, goal)
        except FileExistsError:
            return Carried.TAKEN
        except FileNotFoundError:
            return self._gone_meanwhile(goal)
        except OSError as error:
            if error.errno == errno.EXDEV:
                return self._copy(path, goal)
            raise self._unavailable(error) from error
        return Carried.DONE

    def _gone_meanwhile(self, goal: str) -> Carried:
        # Another worker had the same move to do.
        return Carried.MISSING if self._version_at(goal) is None else Carried.DONE

    def _copy(self, path: str, goal: str) -> Carried:
        """Copy to another disk under a draft name, which the next attempt overwrites."""
        folder, name = os.path.split(goal)
        draft = f"{folder}/{draft_name(name)}"
        try:
            shutil.copy2(path, draft)  # with the modification time, which is part of the version
            descriptor = os.open(draft, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            try:
                rename_noreplace(draft, goal)
            except FileExistsError:
                os.unlink(draft)
                return Carried.TAKEN
            os.unlink(path)
        except OSError as error:
            raise self._unavailable(error) from error
        return Carried.DONE

    def _finish_copy(self, path: str, goal: str) -> Carried:
        """Delete the source when the target is our copy on another disk; TAKEN for other files."""
        try:
            other_disk = os.lstat(path).st_dev != os.lstat(goal).st_dev
            if not (other_disk and filecmp.cmp(path, goal, shallow=False)):
                return Carried.TAKEN
            os.unlink(path)
        except OSError as error:
            raise self._unavailable(error) from error
        return Carried.DONE

    def _unlink(self, key: str) -> Carried:
        try:
            os.unlink(self._path(key))
        except OSError as error:
            if error.errno not in GONE:
                raise self._unavailable(error) from error
            self.require_mounted()  # or the picture would return with its disk, as a new frame
            return Carried.MISSING
        return Carried.DONE

    def _log_no_renames(self, error: OSError) -> None:
        if not self._logged_no_renames:
            self._logged_no_renames = True
            log.warning(
                "pictures cannot be renamed in the frame folder, they are used where they lie: "
                "folder=%s reason=%s; a camera may replace them while they are inferred",
                self.root,
                error.strerror,
            )


def alike(found: str, version: str) -> bool:
    """Whether two versions are of the same picture; a copy may have a less exact time."""
    found_ns, _, found_size = found.partition("-")
    own_ns, _, own_size = version.partition("-")
    if found_size != own_size or not (found_ns.isdecimal() and own_ns.isdecimal()):
        return found == version
    return abs(int(found_ns) - int(own_ns)) <= _COARSEST_MTIME_NS


def _held(folder: str, prefix: str, excluded: Collection[str]) -> Iterator[str]:
    folders = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    if entry.name.startswith(SENT_DRAFT):
                        _delete_when_old(entry)
                    elif held_name(entry.name) and entry.is_file(follow_symlinks=False):
                        yield prefix + entry.name
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
    except OSError as error:
        if error.errno not in (*GONE, errno.EACCES):
            raise
    for name in folders:
        if f"{prefix}{name}/" not in excluded:
            yield from _held(f"{folder}/{name}", f"{prefix}{name}/", excluded)


def _delete_when_old(draft: os.DirEntry[str]) -> None:
    with suppress(OSError):  # renamed just now, or the folder takes no changes
        if time.time() - draft.stat(follow_symlinks=False).st_mtime > _OLD_DRAFT_SEC:
            os.unlink(draft.path)
