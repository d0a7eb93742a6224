"""The plant of the soak: an embedded installation with everything on, cameras and services."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import redis

from tests.faults.camera import Camera
from tests.faults.fleet import Fleet
from tests.faults.people import People
from tests.support.easyai_process import EasyaiProcess
from tests.support.jpeg import jpeg
from tests.support.services import RedisServer

Server = TypeVar("Server", RedisServer, Fleet)

TYPES = ("人数统计", "人脸检测", "安全帽检测")
TRIPWIRE = "绊线人数统计"
STEADY_RATE, LATEST_CAMERAS, LATEST_RATE = 24.0, 3, 2.0
RATE = STEADY_RATE + LATEST_CAMERAS * LATEST_RATE  # frames a second
_TOPIC = "easyai.alerts"
# Away for long enough to be found dead, so that its alarm is raised and ends.
_RESTART_EVERY_SEC, _AWAY_SEC = 120.0, 35.0
_KEPT_ON_THE_BUS = 10_000
# Retention limits are low, so that each is reached long before the figures count.
_SETTINGS = """
[ai_analysis]
mq_type = "redis"
mq_address = "{bus}"
mq_topic = "{topic}"
max_alerts_in_db = 1000
max_history_rows = 8000
heartbeat_timeout_sec = 10
notify_urls = ["{people}"]

[ai_analysis.types."安全帽检测"]
sampling = 3
"""


class Plant:
    """Starts everything on entering and stops it on leaving; `step` is called repeatedly."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open = ExitStack()
        self._restart_at = 0.0
        self._away = False
        self._latest_over = threading.Event()
        self._latest_written = 0
        self.service_restarts = 0

    def __enter__(self) -> Plant:
        self._bus = self._started(RedisServer())
        self._people = People()
        self._open.callback(self._people.close)
        settings = _SETTINGS.format(bus=self._bus.url, topic=_TOPIC, people=self._people.url)
        self.easyai = self._open.enter_context(EasyaiProcess(self._folder, settings))
        self.easyai.start(timeout=120)
        types = [*TYPES, TRIPWIRE]
        self._steady = self._started(
            Fleet(self.easyai.url, types, name="steady", services=2, delay_sec=0.05)
        )
        self._restarted = self._started(
            Fleet(self.easyai.url, types, name="restarted", services=2, delay_sec=0.05)
        )
        self._camera = self._open.enter_context(
            Camera(self.easyai.frames, types, cameras=2, rate=STEADY_RATE)
        )
        self._latest = threading.Thread(target=self._overwrite, name="latest", daemon=True)
        self._latest.start()
        self._restart_at = time.monotonic() + _RESTART_EVERY_SEC
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop_cameras()
        self._open.close()

    def step(self) -> None:
        """Kill half of the services or start them again, where that is due; trim the bus."""
        if time.monotonic() < self._restart_at:
            return
        if self._away:
            self._restarted.start()
            self.service_restarts += 1
            with redis.Redis.from_url(self._bus.url) as bus:
                bus.xtrim(_TOPIC, maxlen=_KEPT_ON_THE_BUS)
        else:
            self._restarted.kill()
        self._away = not self._away
        self._restart_at += _AWAY_SEC if self._away else _RESTART_EVERY_SEC - _AWAY_SEC

    def stop_cameras(self) -> None:
        """No frame is written after this."""
        self._latest_over.set()
        self._camera.stop()
        self._latest.join()

    @property
    def messages(self) -> int:
        """How many messages people got."""
        return len(self._people.messages)

    @property
    def frames_written(self) -> int:
        """How many frames all cameras have written, each version of `latest.jpg` as a frame."""
        return len(self._camera.keys) + self._latest_written

    def _started(self, server: Server) -> Server:
        server.start()
        self._open.callback(server.close)
        return server

    def _overwrite(self) -> None:
        """Write `latest.jpg` of some cameras again and again, by rename."""
        folders = [
            self.easyai.frames / TYPES[0] / f"大厅{number}" for number in range(LATEST_CAMERAS)
        ]
        while not self._latest_over.wait(1 / LATEST_RATE):
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
                draft = folder / ".latest"
                draft.write_bytes(jpeg(self._latest_written % 50, 64, 48))
                draft.replace(folder / "latest.jpg")
                self._latest_written += 1
