"""Watchdogs in threads of the test, with graces of a fraction of a second."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import Any

from easyai.alarms.timings import Timings
from easyai.alarms.watchdog import Watchdog
from easyai.errors import StoreUnavailableError
from easyai.health.checks.dependencies import readiness_checks
from easyai.health.checks.named_check import Check
from tests.support.site import Installation, Row
from tests.support.waiting import wait_until

SHORT = Timings(
    observe_every_sec=0.1,
    blind_after_sec=1.0,
    read_back_sec=2.0,
    record_every_sec=0.2,
    lease_sec=1.5,
    start_sec=0.2,
    settling_sec=0.2,
    first_observation_sec=0.0,
    clear_sec=0.4,
    check_grace_sec=0.2,
    data_moved_grace_sec=0.2,
    clock_off_grace_sec=0.2,
    outbox_still_sec=1.0,
    scan_silent_sec=3.0,
    no_service_grace_sec=0.2,
    offline_grace_sec=0.2,
    heartbeats_grace_sec=0.2,
    all_silent_grace_sec=0.0,
)


@dataclass
class Watchdogs:
    """Starts watchdogs on an installation and reads their system alerts."""

    site: Installation
    timings: Timings = SHORT  # of watchdogs started from now on
    _running: list[tuple[Watchdog, threading.Thread]] = field(default_factory=list)

    def start(self, *checks: Check) -> Watchdog:
        """Start a watchdog with its own runtime; `checks` are added to the readiness checks."""
        runtime = self.site.open()
        watched = [*readiness_checks(runtime), *checks]
        own = {check.name: check for check in watched}  # a later check of the same name counts
        dog = Watchdog(runtime, lambda: list(own.values()), self.timings)
        thread = threading.Thread(target=dog.run)
        thread.start()
        self._running.append((dog, thread))
        return dog

    def stop(self, dog: Watchdog) -> None:
        """Stop a watchdog normally."""
        dog.stop()
        for other, thread in self._running:
            if other is dog:
                thread.join(15)
                assert not thread.is_alive()
        self._running = [pair for pair in self._running if pair[0] is not dog]

    def close(self) -> None:
        """Stop all watchdogs."""
        for dog, _ in list(self._running):
            self.stop(dog)

    def messages(self) -> list[tuple[str, str]]:
        """The system alerts in the table: task_type and message."""
        rows = self.site.rows("SELECT * FROM alerts WHERE task_id = 'system' ORDER BY id")
        return [(row["task_type"], _both_languages(row["result"])) for row in rows]

    def results(self) -> list[dict[str, Any]]:
        """The results of the system alerts in the table, as consumers decode them."""
        rows = self.site.rows("SELECT * FROM alerts WHERE task_id = 'system' ORDER BY id")
        return [json.loads(row["result"]) for row in rows]

    def kinds(self) -> list[str]:
        """The types of the system alerts, in order."""
        return [kind for kind, _ in self.messages()]

    def wait_for(self, *kinds: str, timeout: float = 10.0) -> list[tuple[str, str]]:
        """Wait until exactly these alerts are in the table; returns their types and messages."""
        wait_until(
            lambda: self.kinds() == list(kinds), timeout, f"alerts {kinds}: {self.messages()}"
        )
        return self.messages()

    def alarms(self) -> list[Row]:
        """The table of alarms."""
        return self.site.rows("SELECT * FROM alarms ORDER BY id")

    def rounds(self, count: int = 8) -> None:
        """Wait until a watchdog has looked a few more times, to see that it raises no new alarm."""
        seen: set[float] = set()

        def looked() -> bool:
            rows = self.site.rows("SELECT expires_at FROM process_leases WHERE name = 'watchdog'")
            seen.update(row["expires_at"] for row in rows)
            return len(seen) > count

        wait_until(looked, 15, "the watchdog's rounds")


def _both_languages(result: str) -> str:
    decoded = json.loads(result)
    return f"{decoded['message']}\n{decoded['message_zh']}"


class FakeCheck:
    """A check whose result the test decides; `hang` makes it wait."""

    limit_sec = 0.5

    def __init__(self, name: str, reason: str = "") -> None:
        self.name = name
        self.reason = reason
        self.hang: threading.Event | None = None

    def check(self) -> None:
        """Fail with the reason, unless it is empty."""
        if self.hang is not None:
            self.hang.wait(20)
        if self.reason:
            raise StoreUnavailableError(self.reason)
