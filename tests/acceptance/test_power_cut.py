"""Processes are killed: they start again, and every frame in flight has exactly one alert."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.algorithm_stub import AlgorithmStub
from tests.support.easyai_process import EasyaiProcess
from tests.support.outside import Outside
from tests.support.waiting import wait_until

CUT = "断电"
RESTARTED = "重启等待"


@pytest.fixture(scope="module", autouse=True)
def _short_leases(running: EasyaiProcess) -> None:
    running.reconfigure("[ai_analysis]\nlease_sec = 3\n")


def test_a_power_cut_in_mid_work_costs_no_frame_and_makes_no_second_alert(
    running: EasyaiProcess, site: Outside
) -> None:
    with AlgorithmStub("cut", (CUT,), delay=0.3) as stub:
        stub.register(site.url, max_concurrency=8)
        keys = site.put_many(40, CUT)
        wait_until(lambda: stub.count >= 12 and stub.running >= 4, 15, "in mid-work")
        running.kill_everything()
        assert stub.count < len(keys), "killed in mid-work"
        running.start()
        site.assert_one_alert_each(keys, timeout=30)
        seen = Counter(stub.image_paths)
        assert set(seen) == set(keys)
        assert max(seen.values()) == 2, "at most those in flight are sent twice"
        assert sum(seen.values()) <= len(keys) + 8


def test_slow_start_of_the_api_counts_against_no_service(
    running: EasyaiProcess, site: Outside
) -> None:
    with AlgorithmStub("restarted", (RESTARTED,), download=True) as stub:
        stub.register(site.url, max_concurrency=8)
        keys: list[str] = []
        for number in range(2):
            running.kill_everything()
            keys += site.put_many(8, RESTARTED, first=10 * number)
            running.start()
            site.assert_one_alert_each(keys, timeout=30)
        assert all(request.picture for request in stub.received), "each found its picture"
        assert len(stub.received) == len(keys), "at the first try"


def test_killed_children_are_started_again_and_up_ends_in_order_after_that(
    running: EasyaiProcess,
) -> None:
    for name in ("api", "worker", "beat", "watchdog"):
        begin = len(running.log)
        old = running.kill_child(name)
        running.wait_for_line(f"easyai: {name} has ended", begin=begin)
        running.wait_for_child(name, other_than=old)
    wait_until(running.ready, 15, "the API answers again")
    running.stop()
