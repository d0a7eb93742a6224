"""The routers of the dashboard's data, in the order in which paths are matched."""

from __future__ import annotations

from typing import Final

from easyai.dashboard.routes import (
    alert_pages,
    camera_pages,
    export_pages,
    frame_pages,
    history_pages,
    incident_pages,
    preview_pages,
    service_pages,
    system_pages,
)

#: Modules with a `router`, whose paths begin with ``/dashboard``.
DATA: Final = (
    preview_pages,
    export_pages,  # before the alerts, whose ids match its path
    alert_pages,
    history_pages,
    incident_pages,
    camera_pages,
    frame_pages,
    service_pages,
    system_pages,
)
