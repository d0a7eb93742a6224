"""A service is killed under an open page of the dashboard, and returns."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest
import requests
from playwright.sync_api import expect

from easyai.dashboard.live_hub import LINGER_SEC
from tests.browser.chromium import running_chromium
from tests.browser.flood import assert_smooth
from tests.browser.visitor import Visitor
from tests.faults.camera import Camera
from tests.faults.fleet import Fleet
from tests.faults.ledger_view import LedgerView
from tests.support.alert_writer import AlertWriter
from tests.support.easyai_process import EasyaiProcess
from tests.support.live_tabs import live_tabs
from tests.support.outside import Outside

TYPE = "人数统计"
_RED_MS = 45_000
_GREEN_MS = 30_000
_FLOOD_SEC = 60
_INFERRED_A_SEC, _SAVED_A_SEC = 30, 75
_LEAST_A_SEC = 50  # a hundred where no other test takes the CPU
_LEAST_INFERRED_A_SEC = 5  # the other writer alone saves more than _LEAST_A_SEC
_LATELY_SEC = 20  # before the end of the flood
_INFERRED = "SELECT count(*) FROM frames WHERE outcome = 'alert' AND settled_at >"
_TABS = 20
_ALERTS_A_SEC = 1000 / 60
_BEATS_A_SEC = 50
_WINDOW_SEC = 15
_WINDOWS = 2  # without tabs and with them, in turn
_MOST_CORES = 0.3  # of the API for the tabs
_SLOWER = 3.0  # times, and so many ms: far from what other programs do to both
_SLOWER_MS = 20.0


@pytest.mark.faults
def test_open_page_turns_red_with_the_cause_when_a_service_dies_and_green_when_it_returns(
    tmp_path: Path,
) -> None:
    with (
        EasyaiProcess(tmp_path).start() as process,
        Fleet(process.url, [TYPE], services=1) as fleet,
        running_chromium() as chromium,
        Visitor(chromium, process.url) as visitor,
    ):
        site = Outside(process.url, process.frames)
        site.put_many(4, TYPE)
        site.wait_for_alerts(TYPE, 1)
        page = visitor.open()
        expect(page.locator(".verdict.ok")).to_be_visible()
        page.evaluate("window.isSamePage = true")

        fleet.kill()
        site.put_many(20, TYPE, first=4)
        red = page.locator(".verdict.bad")
        expect(red).to_be_visible(timeout=_RED_MS)
        expect(red.locator("h1")).to_have_text(re.compile("stood still since"))
        expect(red).to_contain_text(re.compile(r"died: .*nothing answers .*detector-1"))

        fleet.start()
        expect(page.locator(".verdict.ok")).to_be_visible(timeout=_GREEN_MS)
        assert page.evaluate("window.isSamePage")
        assert visitor.faults == []


@pytest.mark.faults
def test_page_stays_smooth_for_a_minute_of_a_hundred_alerts_a_second(tmp_path: Path) -> None:
    database_url = f"sqlite:///{tmp_path / 'data' / 'easyai.db'}"
    with (
        EasyaiProcess(tmp_path).start() as process,
        Fleet(process.url, [TYPE], services=2, delay_sec=0, max_concurrency=16),
        # Two cores that draw pages infer 80 frames a second, so another writer saves alerts, too.
        AlertWriter(database_url, process.frames, TYPE, _SAVED_A_SEC),
        running_chromium() as chromium,
        ExitStack() as visitors,
    ):

        def visit() -> Visitor:
            return visitors.enter_context(Visitor(chromium, process.url))

        assert_smooth(
            chromium,
            process,
            visit,
            TYPE,
            _FLOOD_SEC,
            frames_per_sec=_INFERRED_A_SEC,
            least_per_sec=_LEAST_A_SEC,
        )
        # Not the alerts that have a frame: only the newest thousand alerts are kept.
        lately = LedgerView(database_url).count(f"{_INFERRED} {time.time() - _LATELY_SEC}")
        assert lately >= _LEAST_INFERRED_A_SEC * _LATELY_SEC


def _cpu_sec(pid: int | None) -> float:
    """CPU time of a process so far: proc_pid_stat(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Beats:
    """Heartbeats of a window."""

    took_ms: list[float]
    cores: float  # that the API took

    @classmethod
    def sent(cls, process: EasyaiProcess, services: Sequence[str]) -> Beats:
        """Send heartbeats to the API for a while, at a steady rate."""
        api = process.child("api")
        before, begun = _cpu_sec(api), time.monotonic()
        took = []
        with requests.Session() as session:
            for number in range(_WINDOW_SEC * _BEATS_A_SEC):
                time.sleep(max(0.0, begun + number / _BEATS_A_SEC - time.monotonic()))
                sent = time.monotonic()
                url = (
                    f"{process.url}/api/v1/ai_analysis/heartbeat/{services[number % len(services)]}"
                )
                assert session.post(url, timeout=10).ok
                took.append((time.monotonic() - sent) * 1000)
        passed = time.monotonic() - begun
        return cls(took, (_cpu_sec(api) - before) / passed)


@pytest.mark.faults
def test_heartbeats_do_not_feel_twenty_tabs_and_a_thousand_alerts_a_minute(tmp_path: Path) -> None:
    with (
        EasyaiProcess(tmp_path).start() as process,
        Fleet(process.url, [TYPE], services=10, delay_sec=0),
        Camera(process.frames, [TYPE], cameras=20, rate=_ALERTS_A_SEC),
    ):
        site = Outside(process.url, process.frames)
        site.wait_for_alerts(TYPE, 20)
        services = sorted(site.in_use())
        alone, beside = [], []
        for _ in range(_WINDOWS):
            alone.append(Beats.sent(process, services))
            with live_tabs(process.port, _TABS):
                beside.append(Beats.sent(process, services))
            time.sleep(LINGER_SEC + 1)  # the live state is made for as long after the last tab
    for name, windows in (("alone", alone), ("beside tabs", beside)):
        every = sorted(ms for window in windows for ms in window.took_ms)
        cores = median(window.cores for window in windows)
        print(f"{name}: p50 {median(every):.1f}, worst {every[-1]:.0f} ms, API {cores:.3f} cores")
    slower = min(median(window.took_ms) for window in beside)
    assert slower < _SLOWER * min(median(window.took_ms) for window in alone) + _SLOWER_MS
    more = min(window.cores for window in beside) - min(window.cores for window in alone)
    assert more < _MOST_CORES
