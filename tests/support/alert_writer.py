"""Alerts that another writer saves, as many a second as a machine with more cores would."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from easyai.db import alerts
from easyai.db.session import Database
from easyai.domain.json_text import result_text
from tests.support.jpeg import jpeg

_STEP_SEC: Final = 0.1
_PICTURES: Final = 20
_CAMERAS: Final = 8


class AlertWriter:
    """Saves alerts of five boxes with pictures of their own, `per_sec` a second, into a ledger."""

    def __init__(self, database_url: str, frames: Path, task_type: str, per_sec: float) -> None:
        self._url, self._folder = database_url, frames / "alerts" / "other"
        self._frames, self._task_type, self._per_sec = frames, task_type, per_sec
        self._pictures = [jpeg(number, 64, 48) for number in range(_PICTURES)]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alert writer", daemon=True)
        self.saved = 0

    def _run(self) -> None:
        database, begun = Database(self._url), time.monotonic()
        while not self._over.wait(_STEP_SEC):
            due = int((time.monotonic() - begun) * self._per_sec)
            rows = [self._row(number) for number in range(self.saved, due)]
            with database.write() as conn:
                alerts.add(conn, rows, for_bus=False)
            self.saved = due
        database.dispose()

    def _row(self, number: int) -> dict[str, Any]:
        path = self._folder / f"{number}.jpg"
        path.write_bytes(self._pictures[number % _PICTURES])
        boxes = [
            {"class_name": "person", "confidence": 0.9, "bbox": [0.2 * n, 0.1, 0.2 * n + 0.1, 0.9]}
            for n in range(5)
        ]
        return {
            "frame_id": None,
            "task_id": f"码头{number % _CAMERAS}",
            "task_type": self._task_type,
            "image_path": str(path.relative_to(self._frames)),
            "algorithm_id": "other",
            "algorithm_name": "detector",
            "result": result_text({"total_count": 5, "detections": boxes}),
            "confidence": 0.9,
            "detection_count": 5,
            "inference_time_ms": 40.0,
            "now": time.time(),
        }

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
