"""Each transaction locks the tables in the same order (docs/architecture.md, "Locks").

The tests check statements: a deadlock of a wrong order may take a day to appear.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from easyai.db import ledger, task_types, wakes
from easyai.domain.verdict import CallResult, Verdict
from easyai.errors import DatabaseUnavailableError
from easyai.pipeline.answers import Answered
from easyai.pipeline.picture_moves import CarriedOut
from easyai.pipeline.transaction import run_transaction
from easyai.registry import registration
from tests.integration.db.contention import migrated_url
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation

__all__ = ["migrated_url"]
_ORDER = (
    *("task_types", "services", "frames", "alerts", "statistics", "frame_totals"),
    *("duration_totals", "camera_hours", "camera_types", "generations"),
)
_LOCKS = re.compile(
    r"^\s*SELECT .*? FROM (\w+) .*FOR UPDATE|UPDATE (\w+)\s+SET|INSERT INTO (\w+)", re.DOTALL
)


_INTO = re.compile(r"INSERT INTO (services|generations)\b")


@contextmanager
def _tables_locked(site: Installation) -> Iterator[list[str]]:
    """The tables in the order in which the statements of the block first lock rows of each."""
    found: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        for names in _LOCKS.findall(statement):
            (table,) = filter(None, names)
            if table in _ORDER and table not in found:
                found.append(table)

    engine = site.runtime.db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


def test_settling_and_leasing_lock_tables_in_order(site: Installation) -> None:
    site.configure(f'[ai_analysis.types."{TYPE}"]\nrate_limit = "100/s"')
    pk = site.register(AlgorithmStub())
    site.execute(
        "UPDATE services SET breaker_failures = 3, breaker_pause_sec = 5, breaker_open_until = 1"
        " WHERE pk = :pk",
        pk=pk,
    )
    site.record(4)
    dispatched = site.lease(most=1)
    detected = Verdict(CallResult.INFERRED, 5.0, detection_count=1)
    answered = [
        Answered(frame, dispatched.endpoints[frame.service_pk], detected)
        for frame in dispatched.frames
    ]
    with _tables_locked(site) as tables:
        settled, leased = run_transaction(site.runtime, answered, CarriedOut(), "a-token")
    assert (settled.alerts, len(leased.frames)) == (1, 3)
    assert tables == list(_ORDER)


def test_recording_scan_locks_tables_in_order(site: Installation) -> None:
    site.put_many(2)
    site.scan()
    site.put(f"{TYPE}/门口1/later.jpg")
    with _tables_locked(site) as tables:
        assert site.scan().new_frames == 1
    assert tables == ["frames", "statistics"]


def test_services_approved_together_lock_tables_in_order(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = site.runtime.settings.easyai.model_copy(update={"registration": "approve"})
    settings = site.runtime.settings.model_copy(update={"easyai": own})
    monkeypatch.setattr(type(site.runtime), "settings", settings)
    for port in (1, 2):
        body = {"service_id": "s", "task_types": [TYPE], "endpoint": f"http://127.0.0.1:{port}/i"}
        registration.register(site.runtime, body)
    done: list[str] = []
    engine = site.runtime.db.engine

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        done.extend(_INTO.findall(statement))

    event.listen(engine, "before_cursor_execute", note)
    event.listen(engine, "commit", lambda _: done.append("commit"))
    assert len(registration.approve(site.runtime, "s")) == 2
    event.remove(engine, "before_cursor_execute", note)
    assert done[-6:] == ["services", "generations", "commit"] * 2


def test_frame_being_settled_is_not_expired_by_the_sweep(
    site: Installation,
) -> None:
    site.register(AlgorithmStub())
    site.record(1)
    (frame,) = site.lease().frames
    with site.runtime.db.write() as settling, site.open().db.write() as sweeping:
        assert ledger.still_held(settling, {frame.lease_token: [frame.id]})
        assert ledger.expire(sweeping, 4e9) == {}


def test_locking_many_types_at_once_does_not_deadlock(site: Installation) -> None:
    names = [f"type {number}" for number in range(12)]
    with site.runtime.db.write() as conn:
        task_types.add(conn, names, time.time())
    until, errors = time.monotonic() + 2.0, list[Exception]()

    def lock(number: int) -> None:
        chance, db = random.Random(number), site.open().db
        while time.monotonic() < until and not errors:
            try:
                with db.write() as conn:
                    conn.exec_driver_sql("SET LOCAL deadlock_timeout = 20")
                    wakes.lock(conn, chance.sample(names, 6))
            except DatabaseUnavailableError as error:
                errors.append(error)

    threads = [threading.Thread(target=lock, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
