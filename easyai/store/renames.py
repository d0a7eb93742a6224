"""Renames that never replace a file under the new name."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Final

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_RENAMEAT2: Final = getattr(_LIBC, "renameat2", None)  # since glibc 2.28; not in musl
_AT_FDCWD: Final = -100
_NOREPLACE: Final = 1
# The errors of file systems without the flag (NFS) or without hard links (FAT).
_NO_FLAG: Final = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
_NO_LINKS: Final = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK)


def rename_noreplace(source: str, target: str) -> None:
    """Rename a file; raises FileExistsError when the target exists.

    The rename is a single step where the file system can do that. Otherwise it makes a hard link
    and removes the source; the next call completes it after a crash. Without hard links it checks
    the target before the rename. Raises OSError.
    """
    if not _renamed(source, target):
        _link_and_unlink(source, target)


def rename_to_own(source: str, target: str) -> None:
    """Like `rename_noreplace`, to a name that only easyai makes; never unlinks an unseen source.

    Where the file system cannot rename in a single step, the file that has the source name at the
    moment of the rename goes to the target, even a picture that was just renamed over the source.
    Two processes must not make the same target at once, since the later file would win. Only the
    holder of a lease makes it.
    """
    if not _renamed(source, target):
        _look_and_rename(source, target)


def _renamed(source: str, target: str) -> bool:
    """Rename in a single step; False where the file system cannot."""
    if _RENAMEAT2 is None:
        return False
    paths = os.fsencode(source), os.fsencode(target)
    if _RENAMEAT2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _NOREPLACE) == 0:
        return True
    number = ctypes.get_errno()
    if number not in _NO_FLAG:
        raise OSError(number, os.strerror(number), source, None, target)
    return False


def _link_and_unlink(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        _require_same_file(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _look_and_rename(source, target)
        return
    os.unlink(source)


def _look_and_rename(source: str, target: str) -> None:
    if os.path.lexists(target):
        _require_same_file(source, target)
        os.unlink(source)
    else:
        os.rename(source, target)


def _require_same_file(source: str, target: str) -> None:
    """Raise FileExistsError unless both are names of the same file, as a crash may leave them."""
    if not os.path.samestat(os.lstat(source), os.lstat(target)):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), source, None, target)
