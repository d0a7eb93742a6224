"""Pictures that a scan has come upon and not yet taken in, in the order in which it will.

What came since the last look goes first. What lay there before (at a start, after an outage) takes
turns by camera, the newest of each camera first. Where a camera's frames must go in their order,
the oldest goes first, and what comes new waits among what waits: in the natural order of the keys,
folders before names.
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
    """Keys that wait to be looked at, each once; `in_order` names the types that go in order."""

    def __init__(self, in_order: Callable[[str], bool]) -> None:
        self._in_order = in_order
        self._live: dict[str, None] = {}
        self._backlog: dict[Camera, list[str]] = {}  # what goes next stands last
        self._turns: deque[Camera] = deque()
        self._waiting: set[str] = set()  # the keys of the backlog

    def __len__(self) -> int:
        return len(self._live) + len(self._waiting)

    def __contains__(self, key: str) -> bool:
        return key in self._live or key in self._waiting

    def add(self, keys: Iterable[FrameKey], *, first: bool) -> None:
        """Add what a look came upon; `first`: the first look there, so it may be old."""
        by_camera: defaultdict[Camera, list[str]] = defaultdict(list)
        for key in keys:
            if key.key not in self:
                by_camera[key.task_type, key.task_id].append(key.key)
        for camera, camera_keys in by_camera.items():
            names = sorted(set(camera_keys), key=natural)
            in_order = self._in_order(camera[0])
            if first or (in_order and camera in self._backlog):
                self._add_to_backlog(camera, names, in_order)
            else:
                self._live.update(dict.fromkeys(names))

    def live(self, most: int) -> list[str]:
        """Take up to `most` keys of those that came since the last look."""
        keys = list(islice(self._live, most))
        for key in keys:
            del self._live[key]
        return keys

    def backlog(self, most: int) -> list[str]:
        """Take up to `most` keys of those that lay there before, the same number of each camera."""
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
    """Sorts 9.jpg before 10.jpg, and names that are times by time."""
    parts: list[str | int] = list(_NUMBERS.split(key))
    parts[1::2] = [int(part) for part in parts[1::2]]
    return parts


def _merged(names: list[str], waiting: list[str]) -> list[str]:
    """All in their order, the oldest last; `names`, sorted, the oldest first.

    Only what waits between the first and the last of the names is sorted again.
    """
    ordered = waiting[::-1]
    since = bisect_left(ordered, natural(names[0]), key=natural)
    until = bisect_right(ordered, natural(names[-1]), lo=since, key=natural)
    ordered[since:until] = sorted(ordered[since:until] + names, key=natural)
    return ordered[::-1]
