"""Cameras: writers of pictures, each with its habits; and the facts about every picture."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulation.folder import FileServer
from tests.simulation.scheduler import Scheduler

_MAGIC = re.compile(rb"^\xff\xd8#(\d{8})#")
_PARTS = 4
_LONGEST_PAUSE_SEC = 1.2  # of a writer, below frame_stable_sec


@dataclass
class Version:
    """A picture, from the first byte on; times in seconds since the run began."""

    number: int
    key: str
    task_type: str
    content: bytes
    began_at: float
    fresh: bool = True  # a file of its own, not written over another in place
    ends_early: bool = False  # an older picture's end stands there while it is being written
    whole_at: float = -1.0
    replaced_at: float = -1.0  # its writer replaced it, or a person removed it
    text: str = ""  # as the store names the version
    poison: str = ""  # the reaction of a service: hang, refuse, break

    @property
    def stayed(self) -> bool:
        """Whether it was whole and only easyai ever touched it."""
        return self.whole_at >= 0 and self.replaced_at < 0


@dataclass
class Album:
    """Every picture that was ever begun."""

    versions: list[Version] = field(default_factory=list)
    at_key: dict[str, Version] = field(default_factory=dict)  # the newest under each key
    drafts: set[str] = field(default_factory=set)  # files that cameras are writing aside
    taken_away: set[str] = field(default_factory=set)  # keys whose picture a person removed

    def begin(self, key: str, task_type: str, now: float, *, marked: bool, size: int) -> Version:
        """A picture that is about to be written."""
        number = len(self.versions)
        head = b"\xff\xd8#%08d#" % number
        # Its own to the end: written over an older picture, it must not look whole too early.
        filling = (b"%08d" % number * size)[: size + number % 7]
        content = head + filling + (b"\xff\xd9" if marked else b"end")
        version = Version(number, key, task_type, content, now)
        self.versions.append(version)
        return version

    def replace(self, key: str, now: float) -> None:
        """The picture under the key is its writer's no more."""
        before = self.at_key.pop(key, None)
        if before is not None and before.replaced_at < 0:
            before.replaced_at = now

    def seen_in(self, content: bytes) -> Version | None:
        """The picture that these bytes are or were to become."""
        match = _MAGIC.match(content)
        return self.versions[int(match[1])] if match else None


@dataclass(frozen=True)
class CameraPlan:
    """A camera and its habits."""

    name: str
    task_type: str
    habit: str  # rename, in_place
    start: float
    period: float
    count: int
    latest: bool = False  # always the same name
    marked: bool = True  # its pictures end as their format does
    sets_times: str = ""  # past, future: it sets the time of its files
    slow: float = 0.0  # seconds to write a picture
    first_byte: float = 0.0  # seconds until the first byte of a file in place
    truncates: bool = True  # a file in place is empty before it is written anew
    poisons: dict[int, str] = field(default_factory=dict)  # by number of its pictures


class FolderCamera:
    """A camera that writes into the folder."""

    def __init__(
        self,
        plan: CameraPlan,
        album: Album,
        server: FileServer,
        note: Callable[[str], None],
        goes_on: Callable[[], bool],
    ) -> None:
        self.plan = plan
        self._goes_on = goes_on
        self._album = album
        self._server = server
        self._note = note

    @property
    def _scheduler(self) -> Scheduler:
        return self._server.scheduler

    def run(self) -> None:
        """Write all pictures of the plan, as long as it goes on."""
        for number in range(self.plan.count):
            if not self._goes_on():
                return
            self.write(number)
            rng = self._scheduler.current.rng
            self._scheduler.sleep(self.plan.period * rng.uniform(0.5, 1.5))

    def write(self, number: int) -> None:
        """Write a picture."""
        plan = self.plan
        name = "latest.jpg" if plan.latest else f"{number:04d}.jpg"
        key = f"{plan.task_type}/{plan.name}/{name}"
        version = self._album.begin(
            key, plan.task_type, self._scheduler.now, marked=plan.marked, size=30
        )
        version.poison = plan.poisons.get(number, "")
        path = f"{self._server.root}/{key}"
        if not os.path.isdir(os.path.dirname(path)):
            os.makedirs(os.path.dirname(path))
            self._server.touch_folder(path, os.path.dirname(path))
        if plan.habit == "rename":
            self._write_aside(path, version)
        else:
            self._write_in_place(path, version)
        self._note(f"{key}: picture {version.number} is whole")

    def _write_aside(self, path: str, version: Version) -> None:
        draft = f"{path}.tmp"
        self._album.drafts.add(f"{version.key}.tmp")
        self._put(draft, version.content, "wb")
        self._set_times(draft, version)
        self._scheduler.sleep(0.01)
        self._album.replace(version.key, self._scheduler.now)
        version.text = _version_text(draft)
        os.rename(draft, path)
        self._album.drafts.discard(f"{version.key}.tmp")
        self._server.touch_folder(path)
        self._is_whole(version)

    def _write_in_place(self, path: str, version: Version) -> None:
        plan, scheduler = self.plan, self._scheduler
        self._album.replace(version.key, scheduler.now)
        version.fresh = not os.path.exists(path)
        version.ends_early = plan.marked and not (plan.truncates or version.fresh)
        truncates = os.O_TRUNC if plan.truncates else 0
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | truncates, 0o644)
        try:
            if plan.truncates or version.fresh:
                self._touch(descriptor)
                self._server.touch_folder(path)
            scheduler.sleep(plan.first_byte)
            parts = _PARTS if plan.slow else 1
            size = len(version.content)
            for part in range(parts):
                os.write(
                    descriptor, version.content[size * part // parts : size * (part + 1) // parts]
                )
                self._touch(descriptor)
                if part < parts - 1:
                    pause = plan.slow / parts * scheduler.current.rng.uniform(0.3, 1.7)
                    scheduler.sleep(min(pause, _LONGEST_PAUSE_SEC))
            os.ftruncate(descriptor, size)
            self._set_times(descriptor, version)
            version.text = _version_text(descriptor)
            # Whoever renamed the file away meanwhile has it: then it did not stay under its key.
            if not _is_at(path, descriptor):
                version.replaced_at = scheduler.now
        finally:
            os.close(descriptor)
        self._is_whole(version)

    def _is_whole(self, version: Version) -> None:
        version.whole_at = self._scheduler.now
        if version.replaced_at < 0:
            self._album.at_key[version.key] = version

    def _put(self, path: str, content: bytes, mode: str) -> None:
        with open(path, mode) as file:
            file.write(content)
        self._touch(path)
        self._server.touch_folder(path)

    def _touch(self, path: str | int) -> None:
        now = self._server.now_ns()
        os.utime(path, ns=(now, now))

    def _set_times(self, path: str | int, version: Version) -> None:
        if self.plan.sets_times:
            shift = {"past": -7200, "future": 7200}[self.plan.sets_times]
            at = self._server.now_ns() + int(shift * 1e9)
            os.utime(path, ns=(at, at))


def _version_text(path: str | int) -> str:
    from easyai.store.local_folder import version_of

    return version_of(os.stat(path))


def _is_at(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
