"""The modules behind the tasks, loaded by a single thread before a worker starts other threads.

Beat and the command line load the task modules for the names of the tasks alone, so a task imports
its modules when it runs. Packages such as SQLAlchemy's import each other in a circle. When threads
import such packages at the same time, Python breaks the deadlock of the import locks, and a thread
gets a package that is half made.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

BODIES: Final = (
    "easyai.runtime",
    "easyai.pipeline.infer",
    "easyai.pipeline.intake",
    "easyai.pipeline.ownership",
    "easyai.pipeline.publishing",
    "easyai.pipeline.upkeep",
    "easyai.tasks.bucket_event_reader",
    "easyai.tasks.folder_watcher",
    "easyai.tasks.sweep",
)


def load() -> None:
    """Import the modules that tasks import when they run; takes half a second the first time."""
    for name in BODIES:
        import_module(name)
