"""An easyai installation of a benchmark run: settings, database, one registered service."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.pictures import TASK_TYPE
from easyai.db import migrate
from easyai.registry import registration
from easyai.runtime import Runtime, open_runtime
from easyai.settings.source import SettingsSource

_SETTINGS = """
[ai_analysis]
max_alerts_in_db = 0
max_concurrent_infer = {at_once}
[frame_extractor]
output_dir = "{folder}/snapshots"
watch_folder = false
[easyai]
data_dir = "{folder}/data"
broker_url = "{broker_url}"
database_url = "{database_url}"
"""


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """A folder for one run, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="easyai-bench-") as name:
        yield Path(name)


def write_settings(
    folder: Path, broker_url: str = "", database_url: str = "", at_once: int = 100
) -> Path:
    """A settings file for an installation in `folder`; '' means embedded."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.toml"
    text = _SETTINGS.format(
        folder=folder, broker_url=broker_url, database_url=database_url, at_once=at_once
    )
    path.write_text(text, encoding="utf-8")
    return path


@contextmanager
def installation(settings: Path, endpoint: str) -> Iterator[Runtime]:
    """A runtime on a migrated database, with one service registered at `endpoint`."""
    source = SettingsSource(settings)
    migrate.upgrade(source.current().easyai.effective_database_url)
    runtime = open_runtime(source)
    service = {"service_id": "bench", "name": "bench", "version": "1"}
    try:
        registration.register(runtime, service | {"task_types": [TASK_TYPE], "endpoint": endpoint})
        yield runtime
    finally:
        runtime.close()
