"""easyai's side: one worker process as ``easyai up`` starts it, frames that one scan finds."""

from __future__ import annotations

from pathlib import Path

from celery import Celery

from bench import contest
from bench.contest import Backend, Run
from bench.pictures import TASK_TYPE, Camera
from bench.processes import Child
from easyai.cli.children import children
from easyai.db import migrate
from easyai.registry import registration
from easyai.runtime import Runtime, open_runtime
from easyai.settings import Settings, SettingsSource
from easyai.tasks import filesystem
from easyai.tasks.config import SCAN_TASK, celery_settings
from easyai.tasks.queues import CONTROL_QUEUE

_PORT = 5066  # names the worker, nothing listens there
# The scan interval matters to beat alone, which does not run: a scan at once after the warm-up
# shall not count as one too many.
_CONFIG = """
[ai_analysis]
scan_interval_sec = 0.05
max_alerts_in_db = 0
[frame_extractor]
output_dir = "{folder}/snapshots"
[easyai]
data_dir = "{folder}/data"
broker_url = "{broker_url}"
database_url = "{database_url}"
"""


def measure(backend: Backend, endpoint: str, count: int) -> Run:
    """Frames in the folder to alerts saved and pictures moved, with one easyai worker process."""
    with contest.fresh_folder() as folder:
        config = folder / "config.toml"
        database_url = backend.new_database()
        values = {"broker_url": backend.broker_url, "database_url": database_url}
        config.write_text(_CONFIG.format(folder=folder, **values), encoding="utf-8")
        runtime = open_site(config, endpoint)
        try:
            return _measure(runtime, config, count)
        finally:
            runtime.close()
            backend.clear_broker()


def open_site(config: Path, endpoint: str) -> Runtime:
    """A new installation with one registered service."""
    source = SettingsSource(config)
    migrate.upgrade(source.current().easyai.effective_database_url)
    runtime = open_runtime(source)
    service = {"service_id": "bench", "name": "bench", "version": "1"}
    registration.register(runtime, service | {"task_types": [TASK_TYPE], "endpoint": endpoint})
    return runtime


def _measure(runtime: Runtime, config: Path, count: int) -> Run:
    frames = runtime.settings.frame_extractor.output_dir
    camera = Camera(frames)
    sender = _sender(runtime.settings)
    arguments = next(list(one.arguments) for one in children(_PORT) if one.name == "worker")
    environment = {"EASYAI_CONFIG": str(config)}
    with Child("easyai", arguments, config.parent, environment) as worker:
        worker.wait_for_log(" ready.")

        def infer(number: int) -> Run:
            camera.write(number)
            return contest.time_to_finish(
                worker,
                runtime.db.engine,
                frames,
                number,
                lambda: sender.send_task(SCAN_TASK, queue=CONTROL_QUEUE),
            )

        infer(contest.WARM_UP_FRAMES)
        return infer(count)


def _sender(settings: Settings) -> Celery:
    filesystem.register()
    app = Celery("bench", amqp="easyai.tasks.queues:AMQP", set_as_current=False)
    app.conf.update(celery_settings(settings))
    return app
