"""A worker without Celery in its own process: scans and pumps until SIGTERM."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path

from easyai.pipeline import intake
from easyai.runtime import open_runtime
from easyai.settings.source import SettingsSource
from tests.support.pumping import PumpedLoop


def main(config: Path, task_type: str) -> None:
    """Scan and pump; SIGTERM drains and ends."""
    logging.basicConfig(level=logging.WARNING)
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    runtime = open_runtime(SettingsSource(config))
    loop = PumpedLoop(runtime)
    print("ready", flush=True)
    while not stopping:
        intake.scan(runtime)
        loop.pump(task_type, 0.3)
    loop.drain(10.0)
    runtime.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
