"""Renames that never replace what stands under the new name."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Final

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_RENAMEAT2: Final = getattr(_LIBC, "renameat2", None)  # glibc 2.28; musl has none
_AT_FDCWD: Final = -100
_NOREPLACE: Final = 1
# File systems without the flag (NFS) or without hard links (FAT) answer so.
_NO_FLAG: Final = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
_NO_LINKS: Final = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK)


def rename_noreplace(source: str, target: str) -> None:
    """Rename a file; raises FileExistsError when something stands under the target.

    One step where the file system can; else by a second name (a crash in between is finished by
    the next call), and where there are no hard links either by a look before the rename. Raises
    OSError.
    """
    if _RENAMEAT2 is not None:
        paths = os.fsencode(source), os.fsencode(target)
        if _RENAMEAT2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _NOREPLACE) == 0:
            return
        number = ctypes.get_errno()
        if number not in _NO_FLAG:
            raise OSError(number, os.strerror(number), source, None, target)
    _link_and_unlink(source, target)


def _link_and_unlink(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        if not os.path.samestat(os.lstat(source), os.lstat(target)):
            raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _look_and_rename(source, target)
        return
    os.unlink(source)


def _look_and_rename(source: str, target: str) -> None:
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), source, None, target)
    os.rename(source, target)
