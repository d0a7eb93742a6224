"""Holding, moving and deleting pictures of a local folder; nothing is ever overwritten.

A picture is first renamed from its key to a private name (`keys.held_key`), then looked at: so no
writer can replace it between the look and what follows, and a newer one under its key stays there.
"""

from __future__ import annotations

import errno
import filecmp
import logging
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from easyai.store.base import Carried, Held
from easyai.store.keys import draft_name, held_key, held_name
from easyai.store.local_folder import GONE, Folder
from easyai.store.renames import rename_noreplace, rename_to_own

log = logging.getLogger(__name__)

# The folder may not be changed, or not now: pictures are used where they lie.
NO_WRITES: Final = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENAMETOOLONG,
)
_COARSEST_MTIME_NS: Final = 2_000_000_000  # of FAT, to which a picture may have been copied


class Moves(Folder):
    """What changes in a folder."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._told_no_renames = False

    def hold(self, key: str, frame_id: int, version: str) -> Held:
        """Rename a picture to its private name; where that may not be, only look at it."""
        path, held = self._path(key), held_key(key, frame_id, version)
        private = f"{self.root}/{held}"
        try:
            rename_to_own(path, private)
        except FileExistsError:
            pass  # held before; what stands under the key is a newer one
        except OSError as error:
            if error.errno in NO_WRITES:
                self._tell_no_renames(error)  # it may have been held when renames still worked
            elif error.errno not in GONE:
                raise self._unavailable(error) from error
        found = self._version_at(private)
        if found == version:
            return Held(Carried.DONE, held)
        if found is None:
            return self._look(key, version)
        self._put_back(private, path)
        return Held(Carried.REPLACED, key)

    def keep(self, source: str, target: str, version: str) -> Carried:
        """Whether a picture still is the version: it is moved after the commit.

        One that was changed under its private name, by a writer that had it open, goes back.
        """
        looked = self._look(source, version)
        folder, _, name = source.rpartition("/")
        own = held_name(name)
        if looked.carried is Carried.REPLACED and own is not None:
            self._put_back(self._path(source), self._path(f"{folder}/{own.name}"))
        return looked.carried

    def drop_copy(self, source: str, target: str, version: str) -> Carried:
        """Nothing to do: `keep` copies nothing."""
        return Carried.MISSING

    def move(self, source: str, target: str, version: str, frame_id: int = 0) -> Carried:
        """Rename a picture; the folder of the target is made when it is missing."""
        goal = self._path(target)
        if not version:
            return self._move_ours(self._path(source), goal)
        held = self._find(source, frame_id, version)
        if held.carried is not Carried.DONE:
            # A rename keeps the version: moved before a crash, or by another worker just now.
            there = self._version_at(goal)
            return Carried.DONE if there and alike(there, version) else held.carried
        path = self._path(held.key)
        moved = self._rename(path, goal)
        if moved is not Carried.TAKEN:
            return moved
        moved = self._finish_copy(path, goal)
        if moved is Carried.TAKEN and not frame_id:
            self.release(held.key)  # nobody would find it again
        return moved

    def delete(self, key: str, version: str, frame_id: int = 0) -> Carried:
        """Remove a picture that still is the version; one that has gone already is MISSING."""
        if not version:
            return self._unlink(key)
        held = self._find(key, frame_id, version)
        return self._unlink(held.key) if held.carried is Carried.DONE else held.carried

    def discard(self, key: str, version: str) -> Carried:
        """Remove a picture that a move has put there, if it still is that one."""
        found = self.version(key)
        if found is not None and version and not alike(found, version):
            return Carried.REPLACED
        return self._unlink(key)

    def held_outside(self, excluded: Collection[str]) -> Iterator[str]:
        """The keys of all private names outside some folders; reads every folder.

        Raises OSError.
        """
        yield from _held(str(self.root), "", excluded)

    def release(self, held: str) -> Carried:
        """Give the picture under a private name its own name again, unless that is taken."""
        folder, _, name = held.rpartition("/")
        own = held_name(name)
        if own is None:
            return Carried.MISSING
        return self._rename(self._path(held), self._path(f"{folder}/{own.name}"))

    def _find(self, key: str, frame_id: int, version: str) -> Held:
        """As `hold`, for a picture that is held already as a rule."""
        self._path(key)
        held = held_key(key, frame_id, version)
        if self._version_at(f"{self.root}/{held}") == version:
            return Held(Carried.DONE, held)
        return self.hold(key, frame_id, version)

    def _look(self, key: str, version: str) -> Held:
        found = self.version(key)
        if found is None:
            self._must_be_mounted()  # else it would come back with its disk, as a new frame
            return Held(Carried.MISSING, key)
        return Held(Carried.DONE if found == version or not version else Carried.REPLACED, key)

    def _put_back(self, private: str, path: str) -> None:
        """Give a newer picture its key again; when a still newer one has come, it is over."""
        try:
            rename_noreplace(private, path)
        except FileExistsError:
            with suppress(FileNotFoundError):
                os.unlink(private)
        except FileNotFoundError:
            return  # another worker has put it back
        except OSError as error:
            raise self._unavailable(error) from error

    def _move_ours(self, path: str, goal: str) -> Carried:
        """Move a picture that lies where we have put it: whatever it is, it is ours."""
        there = self._version_at(goal)
        if self._version_at(path) is None:
            if there is not None:
                return Carried.DONE
            self._must_be_mounted()
            return Carried.MISSING
        if there is not None:
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
        # Another worker had the same errand.
        return Carried.MISSING if self._version_at(goal) is None else Carried.DONE

    def _copy(self, path: str, goal: str) -> Carried:
        """Copy to another disk under a draft's name, which the next try finds and writes anew."""
        folder, name = os.path.split(goal)
        draft = f"{folder}/{draft_name(name)}"
        try:
            shutil.copy2(path, draft)  # the time of modification too: it is part of the version
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
        """A target that is taken: by our own copy on another disk, or by another picture."""
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
            self._must_be_mounted()  # else it would come back with its disk, as a new frame
            return Carried.MISSING
        return Carried.DONE

    def _tell_no_renames(self, error: OSError) -> None:
        if not self._told_no_renames:
            self._told_no_renames = True
            log.warning(
                "pictures cannot be renamed in the frame folder, they are used where they lie: "
                "folder=%s reason=%s; a camera may replace them while they are inferred",
                self.root,
                error.strerror,
            )


def alike(found: str, version: str) -> bool:
    """Whether two versions are of one picture; a copy may have lost parts of its time."""
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
                    if held_name(entry.name) and entry.is_file(follow_symlinks=False):
                        yield prefix + entry.name
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
    except OSError as error:
        if error.errno not in (*GONE, errno.EACCES):
            raise
    for name in folders:
        if f"{prefix}{name}/" not in excluded:
            yield from _held(f"{folder}/{name}", f"{prefix}{name}/", excluded)
