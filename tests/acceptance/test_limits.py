"""Limits hold over all workers, are used to the full, and follow the settings file."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support import part_process
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.easyai_process import EasyaiProcess
from tests.support.outside import Outside
from tests.support.part_process import PartProcess
from tests.support.waiting import wait_until

BOTH = ("限流甲", "限流乙")
CHANGED = "改限"
KEPT = "旧限"


class Feed:
    """Keeps frames of some types waiting, so that only a limit holds them back."""

    def __init__(self, site: Outside, *task_types: str) -> None:
        self.keys: dict[str, list[str]] = {task_type: [] for task_type in task_types}
        self.least = 20  # frames that wait
        self._site = site

    def until(self, condition: Callable[[], object], timeout: float, what: str) -> None:
        """Feed until the condition is true."""

        def fed() -> object:
            if self._site.stats()["queue_size"] < self.least:
                for task_type, keys in self.keys.items():
                    keys += self._site.put_many(30, task_type, first=len(keys))
            return condition()

        wait_until(fed, timeout, what, every=0.1)

    def assert_one_alert_each(self) -> None:
        """Every frame fed has exactly one alert."""
        for keys in self.keys.values():
            self._site.assert_one_alert_each(keys, timeout=40)


@pytest.fixture
def second_worker(running: EasyaiProcess) -> Iterator[PartProcess]:
    """A further worker of the running installation."""
    second = part_process.worker("second", running.installation)
    with second:
        yield second


def test_two_workers_together_reach_the_limits_and_never_pass_them(
    running: EasyaiProcess, site: Outside, second_worker: PartProcess
) -> None:
    # The worker that watches the folder would take all frames of idle services by itself.
    by_scan = "[frame_extractor]\nwatch_folder = false\n"
    running.reconfigure("[ai_analysis]\nmax_concurrent_infer = 7\n" + by_scan)
    begin = len(running.log)
    three, free = (AlgorithmStub(name, BOTH, delay=0.1) for name in ("three", "free"))
    with three, free:
        three.register(site.url, max_concurrency=3)
        free.register(site.url)
        feed = Feed(site, *BOTH)

        def both_have_worked() -> bool:
            logs = (running.log[begin:], second_worker.all_output())
            return all("scheduling inference" in log for log in logs)

        feed.least = 1  # a busy worker takes all waiting frames: when idle, both are woken
        feed.until(both_have_worked, 60, "both workers have inferred")
        feed.least = 20
        feed.until(lambda: _most_at_once(three, free) >= 7, 15, "the limit is used to the full")
        feed.assert_one_alert_each()
        assert three.max_running == 3
        assert _most_at_once(three, free) == 7


def test_a_changed_limit_and_heartbeat_timeout_are_in_force_without_a_restart(
    running: EasyaiProcess, site: Outside
) -> None:
    running.reconfigure("[ai_analysis]\nmax_concurrent_infer = 2\n")
    with (
        AlgorithmStub("changed", (CHANGED,), delay=0.1) as stub,
        AlgorithmStub("unheard") as silent,
    ):
        stub.register(site.url)
        silent.register(site.url)
        feed = Feed(site, CHANGED)
        feed.until(lambda: stub.count >= 30, 20, "work under the first limit")
        assert stub.max_running == 2
        assert silent.health_checks == 0

        running.configure("[ai_analysis]\nmax_concurrent_infer = 6\nheartbeat_timeout_sec = 1\n")
        feed.until(lambda: stub.max_running > 2, 10, "more at once under the new limit")
        feed.until(lambda: silent.health_checks, 15, "the silent service is probed")
        feed.assert_one_alert_each()
        assert stub.max_running == 6


def test_settings_file_with_a_mistake_keeps_the_old_values_and_is_logged(
    running: EasyaiProcess, site: Outside
) -> None:
    running.reconfigure("[ai_analysis]\nmax_concurrent_infer = 3\n")
    begin = len(running.log)
    running.reconfigure('[ai_analysis]\nmax_concurrent_infer = "many"\n')
    logged = [line for line in running.log[begin:].splitlines() if "settings not reloaded" in line]
    assert logged
    assert all("the old values stay in force" in line for line in logged)
    assert all("ai_analysis.max_concurrent_infer" in line for line in logged)
    with AlgorithmStub("kept", (KEPT,), delay=0.1) as stub:
        stub.register(site.url)
        site.assert_one_alert_each(site.put_many(40, KEPT))
        assert stub.max_running == 3


def _most_at_once(*stubs: AlgorithmStub) -> int:
    received = [item for stub in stubs for item in list(stub.received)]
    changes = [(item.at, 1) for item in received]
    changes += [(item.answered_at, -1) for item in received if item.answered_at is not None]
    most = running = 0
    for _, change in sorted(changes):
        running += change
        most = max(most, running)
    return most
