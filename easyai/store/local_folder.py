"""Walks through the folders of pictures that are kept, following no symbolic link."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from typing import Final

from easyai.domain.frame import is_picture
from easyai.store.base import Picture
from easyai.store.keys import is_leftover, is_text

# A name too long or a link that runs in a circle: nothing lies there and nothing can.
GONE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)


def version_of(status: os.stat_result) -> str:
    """Modification time and size: what tells a picture from the next one under its key."""
    return f"{status.st_mtime_ns}-{status.st_size}"


def kept(root: str, folder: str, after: str) -> Iterator[Picture]:
    """Pictures below `root`/`folder` whose keys follow `after`, in the order of their keys.

    Nothing where the folder is missing or is reached through a symbolic link. Raises OSError.
    """
    parts = folder.rstrip("/").split("/")
    ways = ("/".join(parts[: number + 1]) for number in range(len(parts)))
    if not any(os.path.islink(f"{root}/{way}") for way in ways):
        yield from _kept(root, folder, after)


def _kept(root: str, prefix: str, after: str) -> Iterator[Picture]:
    found = _entries(f"{root}/{prefix}")
    for name in sorted(found):
        key = prefix + name
        if name.endswith("/"):
            if key > after or after.startswith(key):
                yield from _kept(root, key, after)
        elif key > after and (is_picture(name) or is_leftover(name)):
            status = _regular_file(found[name])
            if status is not None:
                yield Picture(key, version_of(status), status.st_mtime)


def _entries(folder: str) -> dict[str, os.DirEntry[str]]:
    """What lies in a folder; a folder's name ends with '/', so that names sort as keys do."""
    try:
        with os.scandir(folder) as entries:
            return {
                entry.name + "/" * entry.is_dir(follow_symlinks=False): entry
                for entry in entries
                if is_text(entry.name)
            }
    except OSError as error:
        if error.errno in GONE:
            return {}
        raise


def _regular_file(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None  # gone since the listing
    return status if stat.S_ISREG(status.st_mode) else None
