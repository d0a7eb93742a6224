"""Alarms of overload name the types, and advise only settings that are not yet in force."""

from __future__ import annotations

import time

import pytest

from easyai.alarms.alarm_ends import end
from easyai.db import statistics
from easyai.db.statistics import Tally
from easyai.domain.alarm import AlarmKind, Change, Notice
from easyai.domain.alarm_cause import found_cause
from easyai.domain.reason import NO_REASON
from easyai.health.facts import Facts
from easyai.settings.schema import Settings
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation
from tests.support.watchdogs import Watchdogs

pytestmark = pytest.mark.sqlite_only

OTHERS = ("车辆", "人脸", "烟火")


def _sampled(*names: str) -> str:
    return "\n".join(f'[ai_analysis.types."{name}"]\nsampling = "auto"' for name in names)


@pytest.mark.parametrize("sampled", [(), (TYPE,), (TYPE, OTHERS[0])])
def test_backlog_alarm_advises_sampling_only_for_unsampled_types(
    site: Installation, watchdogs: Watchdogs, algorithm: AlgorithmStub, sampled: tuple[str, ...]
) -> None:
    site.configure(_sampled(*sampled), stall_alarm_sec=3600, max_queue_size=3)
    site.register(algorithm, task_types=[TYPE, *OTHERS])
    site.record(2, TYPE)
    site.record(2, OTHERS[0])
    watchdogs.start()
    ((_, message),) = watchdogs.wait_for("queue_backlog")
    assert "Add services of the busy types" in message
    advised = {name for name in (TYPE, OTHERS[0]) if name not in sampled}
    advice = message.partition("set sampling for ")[2].partition("\n")[0]
    assert {name for name in (TYPE, *OTHERS) if name in advice} == advised
    assert ("(sampling)" in message) == bool(advised)


def test_drop_alarm_names_the_top_three_types_and_advises_only_new_sampling(
    site: Installation, watchdogs: Watchdogs, algorithm: AlgorithmStub
) -> None:
    site.configure(_sampled(TYPE, OTHERS[0]), stall_alarm_sec=3600)
    site.register(algorithm, task_types=[TYPE, *OTHERS])
    tallies = {TYPE: 30, OTHERS[0]: 40, OTHERS[1]: 20, OTHERS[2]: 10}
    with site.runtime.db.write() as conn:
        for name, dropped in tallies.items():
            tally = Tally(processed=100, successes=100, queue_full=dropped)
            statistics.add(conn, {name: tally}, time.time())
    watchdogs.start()
    ((_, message),) = watchdogs.wait_for("high_drop_rate")
    assert "100 of 500 frames (20 %) were dropped" in message
    shown = f"{OTHERS[0]} (40), {TYPE} (30), {OTHERS[1]} (20)"
    assert (
        f"mostly of the types {shown}. Add services of these types, or set sampling for 人脸. "
        in message
    )
    assert f"丢弃最多的类型：{shown.replace(', ', '、')}。" in message
    assert OTHERS[2] not in message


def test_end_of_slow_inference_without_measurements_claims_no_speed() -> None:
    notice = Notice(
        Change.OVER,
        AlarmKind.SLOW_INFERENCE,
        TYPE,
        found_cause("algorithms_too_slow"),
        NO_REASON,
        0,
        0,
        0,
        0,
    )
    (now,) = end(AlarmKind.SLOW_INFERENCE, [notice], Facts(0.0, Settings(), {}))
    assert now.code == "alarm_end.few_answers"
