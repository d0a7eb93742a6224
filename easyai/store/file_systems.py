"""Which file systems update a folder's times at once when something in the folder changes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

# Only this machine's kernel writes these. Other file systems (NFS, CIFS, FUSE, shares of a virtual
# machine) may keep a folder's old times for half a minute after another machine has changed it.
_LOCAL: Final = frozenset(
    {
        *("aufs", "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "hfsplus", "jffs2"),
        *("jfs", "msdos", "nilfs2", "ntfs3", "overlay", "ramfs", "reiserfs", "tmpfs", "ubifs"),
        *("vfat", "xfs", "zfs"),
    }
)
_MOUNTS: Final = Path("/proc/self/mountinfo")


class FolderTimes:
    """Whether to trust the times of folders, by device."""

    def __init__(self) -> None:
        self._trusted: dict[int, bool] = {}

    def trusted(self, device: int, path: str) -> bool:
        """Whether the times of a folder on this device (`st_dev`) can be trusted."""
        known = self._trusted.get(device)
        if known is None:
            known = self._trusted[device] = _kind(device, path) in _LOCAL
        return known


def _kind(device: int, path: str) -> str:
    """The file system's type as the kernel names it; '' when it is unknown."""
    try:
        lines = _MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    number = f"{os.major(device)}:{os.minor(device)}"
    longest, kind = "", ""
    for line in lines:
        mount, _, described = line.partition(" - ")
        fields = mount.split(" ")
        if len(fields) < 5 or not described:
            continue
        if fields[2] == number:
            return described.split(" ")[0]
        # Btrfs gives each subvolume its own device, which no mount names.
        where = fields[4].rstrip("/") + "/"
        if len(where) >= len(longest) and f"{path}/".startswith(where):
            longest, kind = where, described.split(" ")[0]
    return kind
