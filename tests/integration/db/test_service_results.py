"""The results of each service by its newest frames, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, insert, update

from easyai.db import service_results
from easyai.db.models import Frame
from easyai.db.service_results import Results
from easyai.db.session import Database
from easyai.domain.reason import quoted
from tests.support.site import Installation


def _frame(site: Installation, number: int, **columns: Any) -> None:
    values = {"key": f"t/cam/{number}.jpg", "task_type": "t", "task_id": "cam", "version": "v"}
    moments = {"captured_at": 1.0, "found_at": 1.0, "due_at": 1.0, "image_path": ""}
    with site.runtime.db.write() as conn:
        conn.execute(insert(Frame).values({**values, **moments, **columns}))


def test_service_failures_since_the_last_success_are_counted_with_the_newest_reason(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    _frame(site, 1, state="done", service_pk=7, settled_at=5.0)
    _frame(site, 2, state="failed", service_pk=7, settled_at=10.0, reason="before")
    _frame(site, 3, state="done", service_pk=7, settled_at=20.0)
    _frame(site, 4, state="failed", service_pk=7, settled_at=30.0, reason="no model")
    retried = {"state": "pending", "avoid_service": 7, "last_failure_at": 40.0, "service_pk": 8}
    _frame(site, 5, **retried, reason="out of memory")
    _frame(site, 6, state="pending")
    _frame(site, 7, state="dropped", settled_at=50.0)
    _frame(site, 8, state="failed", service_pk=9, settled_at=30.0)
    _frame(site, 9, state="done", service_pk=9, settled_at=31.0)
    with site.runtime.db.read() as conn:
        assert service_results.by_service(conn) == {
            7: Results(3, 20.0, 2, quoted("out of memory")),
            9: Results(1, 31.0),
        }
        monkeypatch.setattr(service_results, "NEWEST", 2)
        assert service_results.by_service(conn) == {9: Results(1, 31.0)}


def test_frame_sent_again_meanwhile_is_not_counted_as_a_failure(site: Installation) -> None:
    retried = {"state": "pending", "avoid_service": 7, "last_failure_at": 40.0, "service_pk": 8}
    _frame(site, 1, state="done", service_pk=7, settled_at=20.0)
    _frame(site, 2, **retried, reason="out of memory")
    engine, other = site.runtime.db.engine, Database(site.runtime.db.url)

    def send_again(*_: Any) -> None:
        with other.write() as conn:
            conn.execute(update(Frame).where(Frame.state == "pending").values(state="leased"))

    with site.runtime.db.read() as conn:
        event.listen(engine, "after_cursor_execute", send_again, once=True)
        (found,) = service_results.by_service(conn).values()
    other.dispose()
    assert (found.failures, found.succeeded_at) == (1, 20.0)
    # SQLite shows the same state to a whole transaction.
    assert found.since_success == (1 if site.runtime.db.is_sqlite else 0)
