"""The named check of the disks: our data and the frames have free space."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from easyai.domain.reason import Reason
from easyai.health.checks.named_check import NotWellError
from easyai.runtime import Runtime
from easyai.settings.schema import Settings

# A disk counts as full below this even if disk_min_free_percent is 0.
_FULL_PERCENT: Final = 0.5


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system that a folder lies on."""

    folder: Path
    free_bytes: int
    free_percent: float
    free_files_percent: float  # inodes; 100 where the file system does not count them


class DiskCheck:
    """The disks of data folder and local frame folder have `disk_min_free_percent` free."""

    name = "disk"
    limit_sec = 5.0

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def check(self) -> None:
        """Raise NotWellError with the folder and its free space."""
        settings = self._runtime.settings
        least = max(settings.ai_analysis.disk_min_free_percent, _FULL_PERCENT)
        for disk in disks(settings):
            if disk.free_percent < least:
                raise NotWellError(_full(disk, least))
            if disk.free_files_percent < _FULL_PERCENT:
                raise NotWellError(Reason.of("disk.no_inodes", folder=str(disk.folder)))


def disks(settings: Settings) -> list[Disk]:
    """The disks of the data folder and the local frame folder, without missing folders."""
    folders = [settings.easyai.data_dir.absolute()]
    if settings.frame_extractor.folder:
        folders.append(settings.frame_extractor.folder.absolute())
    return [disk for folder in folders if (disk := disk_of(folder)) is not None]


def disk_of(folder: Path) -> Disk | None:
    """The disk of a folder; None when the folder is missing."""
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


def _full(disk: Disk, least_percent: float) -> Reason:
    return Reason.of(
        "disk.full",
        folder=str(disk.folder),
        free_gb=disk.free_bytes / 1e9,
        free_percent=disk.free_percent,
        least_percent=least_percent,
    )
