"""easyai's side: worker processes as ``easyai up`` starts them, and frames that one scan finds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from celery import Celery

from bench import contest, site
from bench.bucket import BucketCamera
from bench.contest import Backend, FinishingLine, Run
from bench.pictures import Camera, Place
from bench.processes import Child
from easyai.broker import transports
from easyai.broker.queue_names import CONTROL_QUEUE
from easyai.runtime import Runtime
from easyai.settings.schema import Settings
from easyai.supervisor.children import children
from easyai.tasks.config import SCAN_TASK, celery_settings

_PORT = 5066  # a part of the worker's name; nothing listens there
_START_LIMIT_SEC = 120.0  # many start at the same time
_SCAN_INTERVAL_SEC = 1.0  # the default


def measure_frames(
    backend: Backend, endpoint: str, count: int, workers: int = 1, at_once: int = 100
) -> Run:
    """From frames in place to saved alerts and moved pictures, with some worker processes.

    All workers together have at most `at_once` frames in flight.
    """
    with site.fresh_folder() as folder:
        bucket = backend.new_bucket() if backend.new_bucket else None
        settings = site.write_settings(
            folder, backend.broker_url, backend.new_database(), at_once, bucket
        )
        try:
            with (
                site.installation(settings, endpoint) as runtime,
                started(settings, workers) as own,
            ):
                frames = runtime.settings.frame_extractor.output_dir
                place: Place = BucketCamera(bucket) if bucket else Camera(frames)
                side = EasyaiSide(runtime, own, place, backend)
                side.infer(contest.WARM_UP)
                time.sleep(_SCAN_INTERVAL_SEC)  # a scan right after another scan is skipped
                return side.infer(count)
        finally:
            backend.clear_broker()


class EasyaiSide:
    """A running installation that infers frames on request."""

    def __init__(
        self, runtime: Runtime, own: Sequence[Child], place: Place, backend: Backend
    ) -> None:
        self._runtime, self._own, self._place = runtime, own, place
        self._servers = backend.servers
        self._sender = sender(runtime.settings)

    def infer(self, count: int) -> Run:
        """Put frames in place and measure the time until all are done; raises BenchError."""
        self._place.write(count)
        clock, line = (
            Clock(self._sender),
            FinishingLine(self._runtime.db.engine, self._place, count),
        )

        def finished() -> bool:
            clock.tick_when_due()
            return line.crossed()

        return contest.measure(self._own, self._servers, count, clock.tick, finished)


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


@contextmanager
def started(settings: Path, workers: int = 1) -> Iterator[list[Child]]:
    """Worker processes that are ready."""
    with ExitStack() as stack:
        own = [stack.enter_context(worker(settings, number)) for number in range(workers)]
        wait_until_ready(own)
        yield own


def wait_until_ready(workers: Sequence[Child]) -> None:
    """Wait until worker processes take tasks; raises BenchError."""
    for child in workers:
        child.wait_for_log(" ready.", _START_LIMIT_SEC)


def worker(settings: Path, number: int = 0) -> Child:
    """A worker process, with a name of its own by its number."""
    arguments = next(list(child.arguments) for child in children(_PORT) if child.name == "worker")
    arguments = [word.replace("worker-", f"worker{number}-") for word in arguments]
    environment = {"EASYAI_CONFIG": str(settings)}
    return Child(f"worker{number}", arguments, settings.parent, environment)


def sender(settings: Settings) -> Celery:
    """A Celery app that sends to the workers of an installation."""
    transports.register()
    app = Celery("bench", amqp="easyai.tasks.queues:AMQP", set_as_current=False)
    app.conf.update(celery_settings(settings))
    return app
