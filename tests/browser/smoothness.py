"""How long the pages of a browser hold their main threads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser

#: A task that takes longer is felt: scrolling and clicks wait for it.
LONGEST_MS = 200.0
_MAIN = "CrRendererMain"


@dataclass
class Tasks:
    """The tasks of main threads, in ms of CPU: what other programs take does not count."""

    ms: list[float] = field(default_factory=list)

    @property
    def longest_ms(self) -> float:
        """Of the longest task."""
        return max(self.ms)


@contextmanager
def watched(chromium: Browser) -> Iterator[Tasks]:
    """Watches the tasks of every page of the browser; they are known after the block."""
    found = Tasks()
    chromium.start_tracing(categories=["toplevel"])
    try:
        yield found
    finally:
        events = json.loads(chromium.stop_tracing())["traceEvents"]
    main = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == _MAIN
    }
    found.ms = [
        event["tdur"] / 1000
        for event in events
        if (event["pid"], event["tid"]) in main and "tdur" in event
    ]
