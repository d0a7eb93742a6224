"""Many algorithm services of a single type, whose heartbeats and deaths a test decides."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import text

from easyai.db import generations
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

TIMEOUT_SEC = 60.0  # of their heartbeats


class Fleet:
    """yolo_01 and on: registered, each has inferred a frame and has just sent a heartbeat."""

    def __init__(self, site: Installation, count: int = 12, task_type: str = TYPE) -> None:
        self.site = site
        self.task_type = task_type
        self.stubs: list[AlgorithmStub] = []
        for number in range(1, count + 1):
            stub = AlgorithmStub(f"yolo_{number:02}", (task_type,), lambda frame: detections(0))
            self.stubs.append(stub.start())
            site.register(stub, heartbeat_timeout_sec=TIMEOUT_SEC)
        self.succeeded(self.stubs, 0.0)

    def heard(self, some: Sequence[AlgorithmStub], ago: float) -> None:
        """Their last heartbeat came so long ago."""
        self._set(some, "last_heartbeat", ago)

    def succeeded(self, some: Sequence[AlgorithmStub], ago: float) -> None:
        """They answered a frame so long ago and have shown no sign of life since."""
        self._set(some, "last_success_at", ago)
        self._set(some, "last_evidence", ago)

    def _set(self, some: Sequence[AlgorithmStub], column: str, ago: float) -> None:
        statement = text(f"UPDATE services SET {column} = :at WHERE endpoint = :endpoint")
        at = time.time() - ago
        # In a single transaction: a watchdog that looks meanwhile sees all changed, or none.
        with self.site.runtime.db.write() as conn:
            conn.execute(statement, [{"at": at, "endpoint": stub.endpoint} for stub in some])
            generations.bump_registry(conn)

    def kill(self) -> None:
        """All at once; frames that come then are refused, until every breaker is open."""
        for stub in self.stubs:
            stub.stop()
        self.site.put_many(2 * len(self.stubs), self.task_type, camera="killed")
        self.site.scan()
        loop = self.site.loop()

        def refused() -> bool:
            self.site.execute("UPDATE frames SET due_at = 0 WHERE state = 'pending'")
            loop.pump(self.task_type, 0.2)
            closed = self.site.rows("SELECT 1 AS n FROM services WHERE breaker_open_until = 0")
            return not closed

        wait_until(refused, 20, "calls are refused, every breaker is open")

    def close(self) -> None:
        """End all that live."""
        for stub in self.stubs:
            stub.stop()
