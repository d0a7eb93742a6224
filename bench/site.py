"""An easyai installation of a benchmark run: settings, database, registered services."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.bucket import Bucket
from bench.pictures import TASK_TYPE
from easyai.db import generations, migrate, services, task_types
from easyai.domain.service import REGISTERED
from easyai.registry import registration
from easyai.runtime import Runtime, open_runtime
from easyai.settings.source import SettingsSource

_SETTINGS = """
[ai_analysis]
max_alerts_in_db = 0
max_concurrent_infer = {at_once}
[frame_extractor]
watch_folder = false
{store}
[easyai]
data_dir = "{folder}/data"
broker_url = "{broker_url}"
database_url = "{database_url}"
"""
_FOLDER = 'output_dir = "{folder}/snapshots"'
_BUCKET = """store = "minio"
[frame_extractor.minio]
endpoint = "{bucket.endpoint}"
bucket = "{bucket.name}"
access_key = "{bucket.access_key}"
secret_key = "{bucket.secret_key}"
"""


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """A folder for one run, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="easyai-bench-") as name:
        yield Path(name)


def write_settings(
    folder: Path,
    broker_url: str = "",
    database_url: str = "",
    at_once: int = 100,
    bucket: Bucket | None = None,
) -> Path:
    """A settings file for an installation in `folder`; '' means embedded."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.toml"
    text = _SETTINGS.format(
        folder=folder,
        broker_url=broker_url,
        database_url=database_url,
        at_once=at_once,
        store=_BUCKET.format(bucket=bucket) if bucket else _FOLDER.format(folder=folder),
    )
    path.write_text(text, encoding="utf-8")
    return path


@contextmanager
def opened(settings: Path) -> Iterator[Runtime]:
    """A runtime on a migrated database."""
    source = SettingsSource(settings)
    migrate.upgrade(source.current().easyai.effective_database_url)
    runtime = open_runtime(source)
    try:
        yield runtime
    finally:
        runtime.close()


@contextmanager
def installation(
    settings: Path, *endpoints: str, types: Sequence[str] = (TASK_TYPE,)
) -> Iterator[Runtime]:
    """A runtime on a migrated database, with a service for all types at each endpoint."""
    with opened(settings) as runtime:
        for number, endpoint in enumerate(endpoints):
            service = {"service_id": f"bench-{number}", "name": "bench", "version": "1"}
            own = {"task_types": list(types), "endpoint": endpoint}
            registration.register(runtime, service | own)
        yield runtime


def add_services(runtime: Runtime, types: Sequence[str], endpoints: Sequence[str]) -> None:
    """Register services in a single transaction; the types take turns, one type a service."""
    with runtime.db.write() as conn:
        for number, endpoint in enumerate(endpoints):
            values = _service(number, endpoint)
            services.register(conn, values, REGISTERED, [types[number % len(types)]])
        task_types.add(conn, types, time.time())
        generations.bump_registry(conn)


def _service(number: int, endpoint: str) -> dict[str, Any]:
    return {
        "service_id": f"service-{number}",
        "name": f"service-{number}",
        "endpoint": endpoint,
        "version": "1",
        "max_concurrency": None,
        "health_url": None,
        "heartbeat_timeout_sec": None,
        "registered_from": "",
        "now": time.time(),
    }
