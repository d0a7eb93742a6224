"""A frame that the demo writes, and its expected outcome."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from easyai.sdk import PictureError

FACES = "人脸检测"
PEOPLE = "人数统计"
LARGE = "大图筛选"

Counter = Callable[[bytes], int]  # a JPEG or PNG to the number of detections; may raise


class Fate(StrEnum):
    """The outcomes of a frame."""

    ALERT = "alert"  # one alert, the picture beside it
    NO_DETECTION = "no detection"  # picture deleted
    FAILED = "failed"  # kept under failed/
    LEFT_ALONE = "left alone"  # not a frame: stays where it is
    EITHER = "either"  # alert or no detection: not checked beforehand


@dataclass(frozen=True)
class Frame:
    """One picture to write below the frame folder."""

    key: str  # <task_type>/<task_id>/…/<filename>
    content: bytes  # the file
    fate: Fate = Fate.EITHER
    count: int = 0  # detections, with fate ALERT
    in_pieces: bool = False  # written in place piece by piece, not renamed into place

    @property
    def task_type(self) -> str:
        """The task type."""
        return self.key.split("/")[0]

    @property
    def task_id(self) -> str:
        """The camera."""
        return self.key.split("/")[1]

    @property
    def alert_path(self) -> str:
        """The expected key of its picture after an alert."""
        return f"alerts/{self._place}"

    @property
    def failed_path(self) -> str:
        """The expected key of its picture after a failure."""
        return f"failed/{self._place}"

    @property
    def _place(self) -> str:
        return f"{self.task_type}/{self.task_id}/{self.key.rpartition('/')[2]}"


def with_fate(frame: Frame, count: Counter) -> Frame:
    """Compute the expected outcome of a frame with its service's function.

    A picture that cannot be decoded must fail.
    """
    try:
        detections = count(frame.content)
    except PictureError:
        return replace(frame, fate=Fate.FAILED)
    fate = Fate.ALERT if detections else Fate.NO_DETECTION
    return replace(frame, fate=fate, count=detections)


def filename(begin: datetime, number: int, suffix: str = ".jpg") -> str:
    """Name a frame like an extractor; two numbers of one camera never share a name.

    `number` counts the frames of a camera from 0, a fifth of a second apart.
    """
    moment = begin + timedelta(seconds=0.2 * number)
    return f"{moment:%Y%m%d-%H%M%S}.{moment.microsecond // 1000:03d}{suffix}"
