"""The server is stopped or killed with frames in flight: every frame has exactly one alert."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

from tests.support.algorithm_stub import AlgorithmStub
from tests.support.easyai_process import EasyaiProcess
from tests.support.outside import Outside
from tests.support.waiting import wait_until

STOPPED = "停机"
CUT = "断电"
COUNT = 40


@pytest.fixture(scope="module", autouse=True)
def _short_leases(running: EasyaiProcess) -> None:
    running.reconfigure("[ai_analysis]\nlease_sec = 3\n")


def test_a_stop_in_mid_work_finishes_what_is_in_flight_and_the_next_start_goes_on(
    running: EasyaiProcess, site: Outside
) -> None:
    with AlgorithmStub("stopped", (STOPPED,), delay=0.3) as stub:
        stub.register(site.url, max_concurrency=4)
        keys = site.put_many(COUNT, STOPPED)
        stub.wait_for(6)
        running.stop(signal.SIGTERM)
        sent = stub.count
        assert sent < COUNT, "stopped in mid-work"
        assert stub.running == 0
        running.start()
        site.assert_one_alert_each(keys)
        # What was in flight was finished, not sent again.
        assert Counter(stub.image_paths) == Counter(keys)


def test_a_power_cut_in_mid_work_costs_no_frame_and_makes_no_second_alert(
    running: EasyaiProcess, site: Outside
) -> None:
    with AlgorithmStub("cut", (CUT,), delay=0.3) as stub:
        stub.register(site.url, max_concurrency=8)
        keys = site.put_many(COUNT, CUT)
        wait_until(lambda: stub.count >= 12 and stub.running >= 4, 15, "in mid-work")
        running.kill_everything()
        assert stub.count < COUNT, "killed in mid-work"
        running.start()
        site.assert_one_alert_each(keys, timeout=30)
        seen = Counter(stub.image_paths)
        assert set(seen) == set(keys)
        assert max(seen.values()) == 2, "at most those in flight are sent twice"
        assert sum(seen.values()) <= COUNT + 8
