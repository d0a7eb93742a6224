"""easyai's side: one worker process as ``easyai up`` starts it, and frames that one scan finds."""

from __future__ import annotations

import time
from pathlib import Path

from celery import Celery

from bench import contest, site
from bench.contest import Backend, FinishingLine, Run
from bench.pictures import Camera
from bench.processes import Child
from easyai.broker import transports
from easyai.broker.queue_names import CONTROL_QUEUE
from easyai.runtime import Runtime
from easyai.settings.schema import Settings
from easyai.supervisor.children import children
from easyai.tasks.config import SCAN_TASK, celery_settings

_PORT = 5066  # a part of the worker's name; nothing listens there
_SCAN_INTERVAL_SEC = 1.0  # the default


def measure_frames(backend: Backend, endpoint: str, count: int) -> Run:
    """From frames in the folder to saved alerts and moved pictures, with one worker process."""
    with site.fresh_folder() as folder:
        settings = site.write_settings(folder, backend.broker_url, backend.new_database())
        try:
            with site.installation(settings, endpoint) as runtime, worker(settings) as child:
                child.wait_for_log(" ready.")
                return _measure(runtime, child, count)
        finally:
            backend.clear_broker()


def _measure(runtime: Runtime, worker: Child, count: int) -> Run:
    frames = runtime.settings.frame_extractor.output_dir
    camera, own_sender = Camera(frames), sender(runtime.settings)

    def infer(number: int) -> Run:
        camera.write(number)
        clock, line = Clock(own_sender), FinishingLine(runtime.db.engine, frames, number)

        def finished() -> bool:
            clock.tick_when_due()
            return line.crossed()

        return contest.measure([worker], number, clock.tick, finished)

    infer(contest.WARM_UP)
    time.sleep(_SCAN_INTERVAL_SEC)  # a scan right after another scan is skipped
    return infer(count)


class Clock:
    """Replaces beat: a scan every second, the first scan on request."""

    def __init__(self, sender: Celery) -> None:
        self._sender = sender
        self._next = 0.0

    def tick(self) -> None:
        """Request a scan."""
        self._next = time.monotonic() + _SCAN_INTERVAL_SEC
        self._sender.send_task(SCAN_TASK, queue=CONTROL_QUEUE)

    def tick_when_due(self) -> None:
        """Request a scan a second after the previous scan."""
        if time.monotonic() >= self._next:
            self.tick()


def worker(settings: Path) -> Child:
    """A worker process as ``easyai up`` starts it."""
    arguments = next(list(one.arguments) for one in children(_PORT) if one.name == "worker")
    return Child("easyai", arguments, settings.parent, {"EASYAI_CONFIG": str(settings)})


def sender(settings: Settings) -> Celery:
    """Sends tasks to the worker."""
    transports.register()
    app = Celery("bench", amqp="easyai.tasks.queues:AMQP", set_as_current=False)
    app.conf.update(celery_settings(settings))
    return app
