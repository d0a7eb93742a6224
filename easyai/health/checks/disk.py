"""The named check of the disks: there is room where our data and the frames lie."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from easyai.domain.words import Words
from easyai.health.checks.check import NotWellError
from easyai.runtime import Runtime
from easyai.settings.schema import Settings

# Where disk_min_free_percent is 0 a disk still counts as full below this.
_FULL_PERCENT: Final = 0.5


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system that a folder lies on."""

    folder: Path
    free_bytes: int
    free_percent: float
    free_files_percent: float  # inodes; 100 where the file system does not count them


class DiskCheck:
    """Data folder and local frame folder have `disk_min_free_percent` of their disk free."""

    name = "disk"
    limit_sec = 5.0

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def check(self) -> None:
        """Raise NotWellError with the folder and what is free."""
        settings = self._runtime.settings
        least = max(settings.ai_analysis.disk_min_free_percent, _FULL_PERCENT)
        for disk in disks(settings):
            if disk.free_percent < least:
                raise NotWellError(_full(disk, least))
            if disk.free_files_percent < _FULL_PERCENT:
                raise NotWellError(
                    Words(
                        f"no inodes are left on the disk of {disk.folder}, whatever room it has: "
                        f"`df -i {disk.folder}`: delete small files",
                        f"{disk.folder} 所在磁盘的 inode 已用完（与剩余空间无关）："
                        f"`df -i {disk.folder}`；请删除其中的小文件",
                    )
                )


def disks(settings: Settings) -> list[Disk]:
    """The disks of the data folder and the local frame folder; one that is gone is left out."""
    folders = [settings.easyai.data_dir.absolute()]
    if settings.frame_extractor.store == "local":
        folders.append(settings.frame_extractor.output_dir.absolute())
    return [disk for folder in folders if (disk := disk_of(folder)) is not None]


def disk_of(folder: Path) -> Disk | None:
    """The disk of a folder; None when it is gone."""
    try:
        status = os.statvfs(folder)
    except OSError:
        return None
    files = 100.0 * status.f_favail / status.f_files if status.f_files else 100.0
    return Disk(
        folder,
        status.f_bavail * status.f_frsize,
        100.0 * status.f_bavail / max(1, status.f_blocks),
        files,
    )


def _full(disk: Disk, least: float) -> Words:
    room = f"{disk.free_bytes / 1e9:.1f} GB ({disk.free_percent:.1f} %)"
    return Words(
        f"{room} free on the disk of {disk.folder}, less than {least:g} % (disk_min_free_percent)",
        f"{disk.folder} 所在磁盘剩余 {room}，低于 {least:g} %（disk_min_free_percent）",
    )
