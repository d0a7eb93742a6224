"""The wall of cameras: the newest picture of each."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection

from easyai.dashboard.camera_items import Cameras
from easyai.dashboard.sections.section import Shown
from easyai.runtime import Runtime

_MOST: Final = 200


class CamerasSection:
    """The cameras with the newest pictures; a tab that knows them gets those that changed."""

    name = "cameras"
    rest = 100  # some frames of every camera are read

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._cameras: Cameras | None = None
        self._shown: dict[str, dict[str, Any]] | None = None  # by camera, as of the last reading
        self._news: Any = None

    def read(self, conn: Connection, now: float) -> None:
        """Read the newest picture of each camera."""
        self._cameras = Cameras(conn, now)

    def show(self, language: str) -> Shown:
        """The cameras, newest picture first; the same in every language."""
        if self._cameras is not None:
            items = self._cameras.items(self._runtime, _MOST)
            known, self._cameras = self._shown or {}, None
            self._shown = {item["task_id"]: item for item in items}
            changed = [item for item in items if known.get(item["task_id"]) != item]
            self._news = {"order": list(self._shown), "changed": changed}
        return Shown(self._shown and list(self._shown.values()), self._news)
