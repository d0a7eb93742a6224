"""A message expires by the database's clock, whatever the clocks of sender and worker show."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from celery.utils.imports import symbol_by_name

from easyai.celery import app
from easyai.tasks import periodic
from easyai.tasks.config import SCAN_TASK
from easyai.tasks.expiry import dated

HOUR = 3600.0


def _expires(
    age_sec: float,
    monkeypatch: pytest.MonkeyPatch,
    sender_sec: float | None,
    own_sec: float | None,
) -> bool:
    """Whether a worker drops a message sent so long ago with a life of 30 s.

    `sender_sec` and `own_sec`: by how much the clocks of sender and worker are ahead.
    """
    process = SimpleNamespace(clock_offset_sec=lambda: own_sec)
    monkeypatch.setattr(app, "worker_process", process, raising=False)
    assert periodic.scan.name == SCAN_TASK
    database = time.time() - (own_sec or 0.0)
    expires = datetime.fromtimestamp(database - age_sec + (sender_sec or 0.0) + 30.0, UTC)
    headers = {"id": "1", "task": SCAN_TASK, "expires": expires.isoformat()}
    message = SimpleNamespace(
        headers=dated(headers, sender_sec),
        body=b"",
        payload=([], {}, {}),
        delivery_info={},
        properties={},
        content_type="application/json",
        content_encoding="utf-8",
    )
    received = symbol_by_name(app.tasks[SCAN_TASK].Request)(message, app=app)
    return bool(received.maybe_expire())


@pytest.mark.parametrize("own", [0.0, HOUR, -HOUR])
@pytest.mark.parametrize("sender", [0.0, HOUR, -HOUR])
def test_machines_an_hour_apart_drop_old_messages_and_no_fresh_message(
    monkeypatch: pytest.MonkeyPatch, sender: float, own: float
) -> None:
    assert not _expires(0.0, monkeypatch, sender, own)
    assert _expires(40.0, monkeypatch, sender, own)


def test_nothing_is_dropped_before_the_worker_knows_the_clock_of_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not _expires(HOUR, monkeypatch, 0.0, None)


def test_celery_judges_expiry_for_a_sender_without_clock_offset(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not _expires(0.0, monkeypatch, None, 0.0)
    assert _expires(40.0, monkeypatch, None, 0.0)
