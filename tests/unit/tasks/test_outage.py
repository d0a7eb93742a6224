"""An outage is logged at its start and at its end, however often a call fails."""

from __future__ import annotations

import logging
import time

import pytest

from easyai.tasks.outage import OutageLog


def test_an_outage_is_reported_once_at_its_start_and_once_at_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    outage = OutageLog(logging.getLogger("test"), "no scan")
    for _ in range(100):
        outage.failed(OSError("disk away"))
    assert caplog.messages == ["no scan (for 0 s): OSError: disk away"]
    outage.worked()
    outage.worked()
    assert caplog.messages[1:] == ["over after 0 s: no scan"]
    outage.failed(OSError("again"))
    assert len(caplog.messages) == 3


def test_lasting_outage_is_logged_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage = OutageLog(logging.getLogger("test"), "no scan")
    now = time.monotonic()
    for passed_sec in (0.0, 59.0, 60.0, 61.0):
        monkeypatch.setattr(time, "monotonic", lambda passed_sec=passed_sec: now + passed_sec)
        outage.failed(OSError())
    assert caplog.messages == ["no scan (for 0 s): OSError: ", "no scan (for 60 s): OSError: "]
