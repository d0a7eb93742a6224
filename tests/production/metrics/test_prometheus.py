"""A real Prometheus scrapes a working installation: every query and rule is asked of it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest
import requests

from tests.production.metrics import dashboard
from tests.production.metrics.server import Prometheus, promtool
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.easyai_process import EasyaiProcess
from tests.support.outside import Outside
from tests.support.waiting import wait_until

WELL, BROKEN, NOBODYS = "人数统计", 'broken "type"\\', "nobody's\n}"
_SETTINGS = "[ai_analysis]\nstall_alarm_sec = 2\nmax_attempts = 1\n"


class Working:
    """An installation at work with a working type, a failing type and a type without service."""

    def __init__(self, easyai: EasyaiProcess, prometheus: Prometheus) -> None:
        self.easyai, self.prometheus = easyai, prometheus
        self.site = Outside(easyai.url, easyai.frames)
        self._ended = threading.Event()
        self._cameras = threading.Thread(target=self._write, name="cameras")

    def start(self) -> None:
        """Begin to write frames."""
        self._cameras.start()

    def stop(self) -> None:
        """Write no more."""
        self._ended.set()
        self._cameras.join()

    def _write(self) -> None:
        number = 0
        while not self._ended.wait(0.2):
            for task_type in (WELL, BROKEN, NOBODYS):
                self.site.put(f"{task_type}/camera-{number % 5}/{number:05d}.jpg")
            number += 1


@pytest.fixture(scope="module")
def working(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Working]:
    """Runs until every kind of number has been scraped."""
    good = AlgorithmStub(
        "good", (WELL,), lambda frame: detections(int(frame["image_path"][-5]) % 2)
    )
    bad = AlgorithmStub("bad", (BROKEN,), lambda frame: (500, {"oops": True}))
    with EasyaiProcess(tmp_path_factory.mktemp("metrics"), _SETTINGS) as easyai, good, bad:
        easyai.start(timeout=180)
        prometheus = Prometheus(f"127.0.0.1:{easyai.port}")
        with prometheus:
            for stub in (good, bad):
                stub.register(easyai.url)
            found = Working(easyai, prometheus)
            found.start()
            try:
                _wait_for_everything(found)
                yield found
            finally:
                found.stop()


def _wait_for_everything(working: Working) -> None:
    def discarded() -> bool:
        body = {"task_type": NOBODYS}
        path = f"{working.easyai.url}/api/v1/ai_analysis/frames/discard"
        return bool(requests.post(path, json=body, timeout=30).json()["discarded"])

    wait_until(discarded, 30, "a frame is given up by hand", every=0.5)
    for query in (
        *("easyai_breaker_open > 0", "easyai_alarm_active > 0", "easyai_leases"),
        'easyai_frames_total{outcome="discarded"} > 0',
        "rate(easyai_frame_latency_seconds_count[10s]) > 0",
    ):
        wait_until(partial(_is_there, working.prometheus, query), 40, query, every=0.5)


def _is_there(prometheus: Prometheus, query: str) -> bool:
    return prometheus.value(query) is not None


def test_every_query_of_the_dashboard_gives_data(working: Working) -> None:
    asked = list(dashboard.queries())
    assert len(asked) >= 25
    for query in asked:
        now = time.time()
        span = {"start": now - 5, "end": now, "step": 1}
        found = (
            working.prometheus.get("query", query=query.expr)
            if query.instant
            else working.prometheus.get("query_range", query=query.expr, **span)
        )
        assert found["result"], f"{query.panel}: {query.expr}"


def test_every_variable_of_the_dashboard_has_values(working: Working) -> None:
    found = {
        name: working.prometheus.get(f"label/{label}/values", **{"match[]": series})
        for name, series, label in dashboard.variables()
    }
    assert found["job"] == ["easyai"]
    assert set(found["task_type"]) >= {WELL, BROKEN, NOBODYS}, "names come through as they are"
    assert len(found["endpoint"]) == 1, "a single endpoint has succeeded"


def test_every_rule_is_evaluated_and_fires_while_its_condition_holds(working: Working) -> None:
    def rules() -> dict[str, dict[str, str]]:
        groups = working.prometheus.get("rules")["groups"]
        return {rule["name"]: rule for group in groups for rule in group["rules"]}

    wait_until(
        lambda: all(rule["health"] == "ok" for rule in rules().values()), 15, "rules evaluated"
    )
    wait_until(
        lambda: rules()["EasyaiAlarmActive"]["state"] == "firing", 30, "the watchdog's alarm rings"
    )
    found = rules()
    assert len(found) == 9
    assert found["EasyaiNoLiveService"]["state"] in ("pending", "firing")
    assert found["EasyaiTargetDown"]["state"] == "inactive"


def test_promtool_accepts_the_exposed_metrics(working: Working) -> None:
    text = working.easyai.get("/metrics").content.decode()
    result = promtool("check", "metrics", stdin=text)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_counters_agree_with_the_ledger_and_go_on_after_everything_was_killed(
    working: Working,
) -> None:
    working.stop()
    folder = working.easyai.frames / WELL
    wait_until(lambda: not list(folder.rglob("*.jpg")), 30, "every frame is inferred")
    time.sleep(1.1)  # a scrape is fresh for a second
    before = _inferred(working.easyai)
    listed = working.easyai.run("frames", "--task-type", WELL, "--limit", "9999", "--json")
    frames = json.loads(listed.stdout)["frames"]
    assert before == sum(frame["outcome"] in ("alert", "no_detection") for frame in frames) > 0

    working.easyai.kill_everything()
    working.easyai.start(timeout=180)
    assert _inferred(working.easyai) == before
    query = f'sum(easyai_frames_total{{task_type="{WELL}", outcome=~"alert|no_detection"}})'
    wait_until(lambda: working.prometheus.value(query) == before, 30, "it is scraped again")
    resets = f'sum(resets(easyai_frames_total{{task_type="{WELL}"}}[5m]))'
    assert working.prometheus.value(resets) == 0


def _inferred(easyai: EasyaiProcess) -> int:
    """Frames of the type that is well, by a scrape."""
    lines = easyai.get("/metrics").content.decode().splitlines()
    labels = [
        f'outcome="{outcome}",reason="",task_type="{WELL}"' for outcome in ("alert", "no_detection")
    ]
    own = [line for line in lines if any(label in line for label in labels)]
    assert len(own) == 2
    return int(sum(float(line.split()[-1]) for line in own))
