"""The wall of cameras: the newest picture of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection

from easyai.dashboard import camera_items
from easyai.dashboard.camera_items import Cameras, Counts, Newest
from easyai.dashboard.sections.section import REST, Shown
from easyai.db import camera_pictures
from easyai.runtime import Runtime

_MOST: Final = 200


class WaitingOfCameras:
    """The waiting frames of each camera: counts cost more than pictures, and change less."""

    rest = 1000

    def __init__(self) -> None:
        self.newest: Mapping[str, int] = {}

    def read(self, conn: Connection, now: float) -> None:
        """Count the frames that wait."""
        self.newest = camera_pictures.waiting(conn)


class TypesOfCameras:
    """The task types of each camera."""

    rest = 1000

    def __init__(self) -> None:
        self.newest: Mapping[str, set[str]] = {}

    def read(self, conn: Connection, now: float) -> None:
        """Read the types of a day."""
        self.newest = camera_items.types_of_a_day(conn, now)


class CamerasSection:
    """The cameras with the newest pictures; a tab that knows them gets those that changed."""

    name = "cameras"
    rest = REST

    def __init__(self, runtime: Runtime, waiting: WaitingOfCameras, types: TypesOfCameras) -> None:
        self._waiting, self._types = waiting, types
        self._cameras = Cameras(runtime)
        self._newest: Newest | None = None
        self._shown: dict[str, dict[str, Any]] | None = None  # by camera, as of the last reading
        self._news: Any = None

    def read(self, conn: Connection, now: float) -> None:
        """Read the newest picture of each camera."""
        self._newest = Newest.read(conn)

    def show(self, language: str) -> Shown:
        """The cameras, newest picture first; the same in every language."""
        if self._newest is not None:
            counts = Counts(self._waiting.newest, self._types.newest)
            items = self._cameras.items(self._newest, counts, _MOST)
            known, self._newest = self._shown or {}, None
            self._shown = {item["task_id"]: item for item in items}
            changed = [item for item in items if known.get(item["task_id"]) != item]
            self._news = {"order": list(self._shown), "changed": changed}
        whole = None if self._shown is None else list(self._shown.values())
        return Shown(whole, self._news)
