"""Pictures that a scan has found and not yet taken in, in the order in which it takes them.

Pictures that came since the last listing go first. The backlog (found at a start or after an
outage) takes turns by camera, the newest picture of each camera first. If a camera's frames must
go in order, its oldest picture goes first, and new pictures join its backlog in the natural order
of their keys, folders before names.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from itertools import islice

from easyai.domain.frame import FrameKey

Camera = tuple[str, str]  # task type and task id
_NUMBERS = re.compile(r"(\d+)")


class Arrivals:
    """Keys that wait to be checked, each once; `in_order` names the types that go in order."""

    def __init__(self, in_order: Callable[[str], bool]) -> None:
        self._in_order = in_order
        self._live: dict[str, None] = {}
        self._backlog: dict[Camera, list[str]] = {}  # the next key is last
        self._turns: deque[Camera] = deque()
        self._waiting: set[str] = set()  # the keys of the backlog

    def __len__(self) -> int:
        return len(self._live) + len(self._waiting)

    def __contains__(self, key: str) -> bool:
        return key in self._live or key in self._waiting

    def add(self, keys: Iterable[FrameKey], *, first: bool) -> None:
        """Add keys of a listing; `first`: the first listing of their folder, so they may be old."""
        by_camera: defaultdict[Camera, list[str]] = defaultdict(list)
        for key in keys:
            if key.key not in self:
                by_camera[key.task_type, key.task_id].append(key.key)
        for camera, camera_keys in by_camera.items():
            names = camera_keys
            if len(names) > 1:
                names = sorted(set(names), key=natural)
            in_order = self._in_order(camera[0])
            if first or (in_order and camera in self._backlog):
                self._add_to_backlog(camera, names, in_order)
            else:
                self._live.update(dict.fromkeys(names))

    def live(self, most: int) -> list[str]:
        """Take up to `most` keys of pictures that came since the last listing."""
        keys = list(islice(self._live, most))
        for key in keys:
            del self._live[key]
        return keys

    def backlog(self, most: int) -> list[str]:
        """Take up to `most` keys of the backlog, the same number of each camera."""
        keys: list[str] = []
        share = max(1, most // max(1, len(self._turns)))
        while self._turns and len(keys) < most:
            camera = self._turns.popleft()
            waiting = self._backlog[camera]
            count = min(share, most - len(keys))
            keys += reversed(waiting[-count:])
            del waiting[-count:]
            if waiting:
                self._turns.append(camera)
            else:
                del self._backlog[camera]
        self._waiting.difference_update(keys)
        return keys

    def _add_to_backlog(self, camera: Camera, names: list[str], in_order: bool) -> None:
        self._waiting.update(names)
        waiting = self._backlog.get(camera)
        if waiting is None:
            self._turns.append(camera)
            waiting = []
        self._backlog[camera] = _merged(names, waiting) if in_order else waiting + names


def natural(key: str) -> list[str | int]:
    """A sort key that puts 9.jpg before 10.jpg, and sorts names that are times by time."""
    parts: list[str | int] = list(_NUMBERS.split(key))
    parts[1::2] = [int(part) for part in parts[1::2]]
    return parts


def _merged(names: list[str], waiting: list[str]) -> list[str]:
    """All keys in order, the oldest last; `names` are sorted, the oldest first.

    Only waiting keys between the first and the last of `names` are sorted again.
    """
    ordered = waiting[::-1]
    since = bisect_left(ordered, natural(names[0]), key=natural)
    until = bisect_right(ordered, natural(names[-1]), lo=since, key=natural)
    ordered[since:until] = sorted(ordered[since:until] + names, key=natural)
    return ordered[::-1]
