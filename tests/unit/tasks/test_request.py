"""A message expires by the database's clock, whatever the clocks of sender and worker show."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from celery.utils.imports import symbol_by_name

from easyai.celery import app
from easyai.tasks import periodic
from easyai.tasks.config import SCAN_TASK
from easyai.tasks.expiry import expiry
from easyai.tasks.process import process

HOUR = 3600.0


def _expires(sent_at: float, monkeypatch: pytest.MonkeyPatch, offset_sec: float | None) -> bool:
    """Whether a worker whose clock is so far ahead drops what was sent then to live for 30 s."""
    monkeypatch.setattr(process, "clock_offset_sec", lambda: offset_sec)
    assert periodic.scan.name == SCAN_TASK
    headers = {"id": "1", "task": SCAN_TASK, "expires": expiry(sent_at, 30.0).isoformat()}
    message = SimpleNamespace(
        headers=headers,
        body=b"",
        payload=([], {}, {}),
        delivery_info={},
        properties={},
        content_type="application/json",
        content_encoding="utf-8",
    )
    received = symbol_by_name(app.tasks[SCAN_TASK].Request)(message, app=app)
    return bool(received.maybe_expire())


@pytest.mark.parametrize("ahead", [0.0, HOUR, -HOUR])
def test_a_worker_an_hour_ahead_or_behind_drops_no_fresh_message(
    monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    database = time.time() - ahead
    assert not _expires(database, monkeypatch, ahead)
    assert _expires(database - 40, monkeypatch, ahead)


def test_nothing_is_dropped_before_the_clock_of_the_database_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not _expires(time.time() - HOUR, monkeypatch, None)
