"""A frame: its key, its states and its time of capture."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from easyai.domain.unicode_form import nfc

PICTURE_SUFFIXES: Final = (".jpg", ".jpeg", ".png")
ALGO_CONFIG_NAME: Final = "algo_config.json"
_PREVIEW_PREFIX: Final = "preview_"
# A folder of a day, a month or a year: 20251114, 2025-11-14, 2025.11, 2025, 2025年11月14日
_DATE = re.compile(
    r"(19|20)\d\d([-_.]?(0[1-9]|1[0-2])([-_.]?(0[1-9]|[12]\d|3[01]))?)?"
    r"|(19|20)\d\d年(\d{1,2}月(\d{1,2}日)?)?",
    re.ASCII,
)
_EARLIEST: Final = 946_684_800.0  # the year 2000: cameras without a clock write 1970
_AHEAD_SEC: Final = 60.0
_CAPTURED = re.compile(r"(\d{8}-\d{6})(\.\d{1,6})?")


class FrameState(StrEnum):
    """Where a frame stands in the ledger."""

    PENDING = "pending"  # waits for a service, or for its next attempt
    PARKED = "parked"  # waits since its type had no live service; goes after live frames
    LEASED = "leased"  # given to a worker for an endpoint, until settled or expired
    DONE = "done"  # settled without failure; see its outcome
    FAILED = "failed"  # the algorithm refused it max_attempts times; kept, requeue brings it back
    DROPPED = "dropped"  # given up by a policy of the operator, or by hand; counted


class Outcome(StrEnum):
    """The fate of a settled frame."""

    ALERT = "alert"  # saved as an alert, its picture beside it
    NO_DETECTION = "no_detection"  # inferred, nothing found, picture deleted by policy
    MISSING = "missing"  # somebody else removed the picture before it was inferred
    SUPERSEDED = "superseded"  # its camera wrote a newer picture under its name before the end
    FAILED = "failed"  # kept under failed/ with its reason
    # Dropped, by a policy of the operator or by hand:
    # More than max_queue_size waited (queue_full_strategy), or a camera's max_frame_count.
    QUEUE_FULL = "queue_full"
    TOO_OLD = "too_old"  # waited outage_retention_hours, or failed for failed_retention_days
    DISK_LOW = "disk_low"  # parked, and less than disk_min_free_percent of the disk was free
    SAMPLED = "sampled"  # not the n-th of its camera
    DISCARDED = "discarded"  # an operator gave it up by hand: `easyai discard`


@dataclass(frozen=True, slots=True)
class FrameKey:
    """The parts of a frame's key in the store (contract, section 1)."""

    key: str  # the whole key as the store spells it, base path included
    task_type: str  # in NFC
    task_id: str  # the camera, in NFC
    filename: str


@dataclass(frozen=True, slots=True)
class KeyRules:
    """Which keys of a store are frames; folders end with '/', base_path may be ''."""

    base_path: str = ""
    excluded: tuple[str, ...] = ("alerts/", "failed/")

    def parse(self, key: str) -> FrameKey | None:
        """The frame of a key, or None if the key is not a frame's."""
        if key.startswith(self.excluded) or not key.startswith(self.base_path):
            return None
        parts = key[len(self.base_path) :].split("/")
        if len(parts) < 3 or any(part == "" or part.startswith(".") for part in parts):
            return None
        filename = parts[-1]
        if filename.startswith(_PREVIEW_PREFIX) or not is_picture(filename):
            return None
        return FrameKey(key, nfc(parts[0]), nfc(parts[1]), filename)

    def camera_folder(self, key: str) -> str:
        """The folder of a frame's camera, as the store spells it."""
        parts = key.removeprefix(self.base_path).split("/", 2)
        return f"{self.base_path}{'/'.join(parts[:2])}/"

    def algo_config_key(self, key: str) -> str:
        """Where the configuration of the algorithm lies for a frame's camera."""
        return self.camera_folder(key) + ALGO_CONFIG_NAME

    def is_stray_picture(self, key: str) -> bool:
        """Whether a picture lies too high in the tree to name its type and camera."""
        if key.startswith(self.excluded) or not key.startswith(self.base_path):
            return False
        parts = key[len(self.base_path) :].split("/")
        return len(parts) < 3 and not parts[-1].startswith(".") and is_picture(parts[-1])


def is_picture(filename: str) -> bool:
    """Whether a file name ends like a picture, in any case."""
    return filename.lower().endswith(PICTURE_SUFFIXES)


def is_date(folder: str) -> bool:
    """Whether a folder's name is a date; dates are task types only if somebody names them."""
    return _DATE.fullmatch(folder) is not None


def written_at(modified_at: float, found_at: float) -> float:
    """When a picture was written (Unix seconds), or when it was found if its file time is wrong.

    Programs set file times as they like, and a camera's clock may never have been set.
    """
    return modified_at if _EARLIEST <= modified_at <= found_at + _AHEAD_SEC else found_at


def captured_at(filename: str, modified_at: float) -> float:
    """When a frame was captured, Unix seconds.

    Extractors name frames ``20251114-164712.618.jpg`` in local time; any other name falls back to
    the time the picture was written.
    """
    match = _CAPTURED.match(filename)
    if match is None:
        return modified_at
    date_time = match[1]
    try:
        moment = datetime(  # noqa: DTZ001 - local time; strptime takes seven times as long
            int(date_time[0:4]),
            int(date_time[4:6]),
            int(date_time[6:8]),
            int(date_time[9:11]),
            int(date_time[11:13]),
            int(date_time[13:15]),
        )
        return moment.timestamp() + float(match[2] or 0)
    except (ValueError, OverflowError):
        return modified_at
