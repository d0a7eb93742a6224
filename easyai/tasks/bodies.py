"""What the tasks do, loaded by one thread before a worker starts others.

Beat and the command line load the modules of the tasks for their names alone, so these import
their work when they run. Threads that import packages at once which import each other in a circle,
as SQLAlchemy's do, get them half made: Python breaks the deadlock of their import locks that way.
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
    "easyai.registry.sweep",
)


def load() -> None:
    """Import whatever a task imports when it runs; half a second the first time."""
    for name in BODIES:
        import_module(name)
