"""Questions to the workers: ``celery -A easyai inspect``, ``control`` and ``status``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from celery.app import control

log = logging.getLogger(__name__)


class Control(control.Control):  # type: ignore[misc]
    """Celery's Control, but it makes no folders of an embedded broker that is not in use."""

    def broadcast(self, *args: Any, **kwargs: Any) -> Any:
        """Ask the workers; without an embedded broker, logs why there is no answer."""
        folder = self.app.conf.broker_transport_options.get("control_folder")
        if folder is None:
            return super().broadcast(*args, **kwargs)
        try:
            Path(folder).stat()
        except PermissionError:
            log.warning(
                "no permission to look at the broker in %s: run this as the user who runs easyai",
                Path(folder).parent,
            )
            return []
        except OSError:
            log.warning(
                "no broker at %s: nothing has run with these settings yet. If easyai runs, name "
                "its settings with EASYAI_CONFIG or its folder with EASYAI_DATA_DIR",
                Path(folder).parent,
            )
            return []
        return super().broadcast(*args, **kwargs)
