"""The cost of the ticks of the live state, without the pauses between them."""

from __future__ import annotations

import os
import time
from concurrent.futures import wait
from typing import Any, Final
from unittest.mock import patch
from uuid import uuid4

from bench.pages_ledger import CAMERAS, PICTURE, result_of_boxes
from bench.pages_meter import Cost, DatabaseMeter
from easyai.dashboard import live_state
from easyai.dashboard.dashboard_app import live_state_of
from easyai.dashboard.live_feed import Feed
from easyai.dashboard.verdicts import Verdicts
from easyai.db import alerts
from easyai.messages.catalogue import ENGLISH
from easyai.runtime import Runtime

_WARM_UP: Final = 6  # the first reads all


class _Clock:
    """The time module of the live state: each tick begins a second after the tick before."""

    def __init__(self) -> None:
        self._shift_sec = 0.0

    def begin_tick(self, number: int) -> None:
        """Set the clock to the begin of a tick."""
        self._shift_sec = 1000.0 + number - time.monotonic()

    def monotonic(self) -> float:
        """Seconds."""
        return time.monotonic() + self._shift_sec


def live_ticks(
    runtime: Runtime, meter: DatabaseMeter, ticks: int, alerts_per_min: int
) -> list[Cost]:
    """The cost of ticks for tabs of a language; diagnoses, which have their own thread, are not in.

    Between two ticks the alerts of a second are saved.
    """
    verdicts, clock, feed = runtime.part(Verdicts), _Clock(), Feed()
    state, costs = live_state_of(runtime), []
    with patch.object(live_state, "time", clock):
        for number in range(_WARM_UP + ticks):
            _save(runtime, number, round(alerts_per_min / 60))
            if (begun := verdicts.refresh()) is not None:
                wait((begun,))
            clock.begin_tick(number)
            meter.reset()
            tick = state.tick((ENGLISH,))
            feed.advance(tick.at, tick.sections[ENGLISH])
            if number >= _WARM_UP:
                costs.append(meter.cost())
    return costs


def _save(runtime: Runtime, tick: int, count: int) -> None:
    row: dict[str, Any] = {
        "frame_id": None,
        "task_type": "type-10",
        "algorithm_id": "service-7",
        "algorithm_name": "detector",
        "confidence": 0.9,
        "detection_count": 5,
        "inference_time_ms": 45.5,
        "now": time.time(),
    }
    folder = runtime.settings.frame_extractor.output_dir
    rows = []
    for number in range(count):
        path = f"alerts/{uuid4().hex}.jpg"
        os.link(folder / PICTURE, folder / path)
        camera = (tick * count + number) % CAMERAS
        own = {"task_id": f"camera-{1000 + camera}", "image_path": path}
        rows.append(row | own | {"result": result_of_boxes(path)})
    with runtime.db.write() as conn:
        alerts.add(conn, rows, for_bus=False)
