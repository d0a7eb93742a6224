"""The named check of the bus (see `easyai.health.checks`)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from easyai.publish.bus import CurrentBus
from easyai.settings.schema import AiAnalysis


class BusCheck:
    """Checks that the message bus of the settings can be reached and would take alerts.

    The check keeps its own connection between calls. It passes when the settings name no bus.
    """

    name: Final = "bus"
    limit_sec: Final = 6.0

    def __init__(self, analysis: Callable[[], AiAnalysis]) -> None:
        self._analysis = analysis
        self._bus = CurrentBus()
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raise BusUnavailableError with reason and remedy, or SettingsError for its address."""
        analysis = self._analysis()
        with self._lock:
            if analysis.has_bus:
                self._bus.of(analysis).check()
            else:
                self._bus.close()

    def close(self) -> None:
        """Close the connection."""
        self._bus.close()
