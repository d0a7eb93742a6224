"""The wall of cameras: the newest picture of each."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from easyai.dashboard.camera_items import Cameras
from easyai.dashboard.sections.section import Shown
from easyai.runtime import Runtime

_MOST: Final = 200


class CamerasSection:
    """The cameras with the newest pictures."""

    name = "cameras"
    rest = 100  # some frames of every camera are read

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._cameras: Cameras | None = None

    def read(self, conn: Connection, now: float) -> None:
        """Read the newest picture of each camera."""
        self._cameras = Cameras(conn, now)

    def show(self, language: str) -> Shown:
        """The cameras, newest picture first; the same in every language."""
        return Shown(self._cameras and self._cameras.items(self._runtime, _MOST))
