"""Questions to the workers: ``celery -A easyai inspect``, ``control`` and ``status``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from celery.app import control

from easyai.errors import BrokerUnavailableError


class Control(control.Control):  # type: ignore[misc]
    """Celery's, which would make the folders of an embedded broker that nobody uses."""

    def broadcast(self, *args: Any, **kwargs: Any) -> Any:
        """Ask. Raises BrokerUnavailableError where no embedded broker has ever been."""
        folder = self.app.conf.broker_transport_options.get("control_folder")
        if folder is not None and not Path(folder).is_dir():
            raise BrokerUnavailableError(
                f"no broker at {Path(folder).parent}: nothing has run with these settings yet. "
                "If easyai runs, name its settings with EASYAI_CONFIG or its folder with "
                "EASYAI_DATA_DIR"
            )
        return super().broadcast(*args, **kwargs)
