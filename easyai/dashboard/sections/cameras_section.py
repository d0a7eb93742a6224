"""The wall of cameras: not known yet."""

from __future__ import annotations

from sqlalchemy import Connection

from easyai.dashboard.sections.section import Shown


class CamerasSection:
    """The cameras with the newest pictures."""

    name = "cameras"

    def read(self, conn: Connection, now: float) -> None:
        """Read nothing."""

    def show(self, language: str) -> Shown:
        """Null: not known."""
        return Shown(None)
