"""The watchdog raises an alarm once, repeats it seldom, and reports its end."""

from __future__ import annotations

import threading
import time

import pytest

from easyai.alarms import watchdog
from easyai.alarms.conditions import judge
from easyai.alarms.observation import Observation
from easyai.alarms.timings import Timings
from easyai.db import alarms
from easyai.db.statistics import Tally, add
from easyai.domain.alarm import AlarmKind, Ringing
from easyai.domain.alarm_cause import found_cause
from easyai.domain.reason import NO_REASON, quoted
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import look
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until
from tests.support.watchdogs import FakeCheck, Watchdogs


@pytest.fixture(autouse=True)
def no_stall(site: Installation) -> None:
    """No worker runs in these tests, and its absence shall raise no alarm."""
    site.configure(stall_alarm_sec=3600)


def _tally(site: Installation, tally: Tally, task_type: str = TYPE) -> None:
    with site.runtime.db.write() as conn:
        add(conn, {task_type: tally}, time.time())


def _register_another(site: Installation, algorithm: AlgorithmStub, number: int) -> None:
    endpoint = f"http://127.0.0.1:{7900 + number}/infer"
    site.register(algorithm, service_id=f"yolo_{number:02}", endpoint=endpoint)


def test_waiting_frames_without_a_service_alert_once_and_recover_once(
    site: Installation,
    watchdogs: Watchdogs,
    algorithm: AlgorithmStub,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    for task_type in ("人脸", TYPE):
        site.record(3, task_type)
    watchdogs.start()
    ((_, message),) = watchdogs.wait_for("no_algorithm")
    for words in (
        "no algorithm for task type: 人脸; 3 frames wait",
        f"no algorithm for task type: {TYPE}; 3 frames wait",
        "no algorithm service at all",
        "任务类型没有可用的算法服务：人脸",
    ):
        assert words in message
    watchdogs.rounds()
    assert watchdogs.kinds() == ["no_algorithm"]
    assert caplog.text.count(f"no algorithm for task type: {TYPE}") == 1
    (result,) = watchdogs.results()
    assert "no algorithm for task type: 人脸; 3 frames wait" in result["message"]
    assert "任务类型没有可用的算法服务：人脸" in result["message_zh"]
    assert "人脸; 3 frames" not in result["message_zh"]
    assert (result["kind"], result["change"]) == ("no_algorithm", "raised")
    assert result["subjects"] == [TYPE, "人脸"]
    assert result["code"] == "alarm.several"
    assert {(alarm["code"], alarm["args"].get("n")) for alarm in result["args"]["alarms"]} == {
        ("paragraph", None),
        ("alarm.no_algorithm", 3),
    }
    assert result["cause"] == watchdogs.alarms()[0]["cause"] != ""
    (row,) = site.rows("SELECT * FROM alerts")
    assert (row["task_id"], row["algorithm_id"], row["published_at"]) == (
        "system",
        "system_monitor",
        0,
    )

    site.register(algorithm, task_types=["人脸", TYPE])
    over = watchdogs.wait_for("no_algorithm", "recovered")[-1][1]
    assert "over after" in over
    assert "人脸" in over
    assert (watchdogs.results()[1]["kind"], watchdogs.results()[1]["change"]) == (
        "no_algorithm",
        "over",
    )
    assert all(alarm["over_at"] for alarm in watchdogs.alarms())
    events = [row["kind"] for row in site.rows("SELECT kind FROM events WHERE kind LIKE 'alarm%'")]
    assert events == ["alarm_raised"] * 3 + ["alarm_over"] * 3


def test_missing_heartbeats_of_all_living_services_raise_an_alarm(
    site: Installation, watchdogs: Watchdogs, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    for number in (1, 2):
        _register_another(site, algorithm, number)
    site.configure(stall_alarm_sec=3600, heartbeat_timeout_sec=1)
    site.execute("UPDATE services SET last_heartbeat = last_heartbeat - 600")
    watchdogs.start()
    ((_, message),) = watchdogs.wait_for("heartbeats_missing")
    assert "3 of 3 algorithm services that live were not heard" in message
    assert "points at this server or the network" in message

    site.execute("UPDATE services SET last_heartbeat = :now", now=time.time() + 1)
    assert "heartbeats_not_arriving" in str(watchdogs.alarms())
    watchdogs.wait_for("heartbeats_missing", "recovered")


def test_type_without_a_service_raises_an_alarm_that_names_it_alone(
    site: Installation, watchdogs: Watchdogs, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    site.record(1)
    site.record(2, "车辆")
    watchdogs.start()
    ((_, message),) = watchdogs.wait_for("no_algorithm")
    assert "车辆" in message
    assert TYPE not in message
    assert "at all" not in message


def test_lasting_alarm_is_repeated(site: Installation, watchdogs: Watchdogs) -> None:
    site.configure(stall_alarm_sec=3600, alarm_repeat_sec=1)
    site.record(1)
    watchdogs.start()
    message = watchdogs.wait_for("no_algorithm", "no_algorithm")
    assert message[1][1].startswith("not over after ")


def test_restarted_watchdog_does_not_repeat_an_alarm_and_reports_its_end(
    site: Installation, watchdogs: Watchdogs, algorithm: AlgorithmStub
) -> None:
    site.record(1)
    first = watchdogs.start()
    watchdogs.wait_for("no_algorithm")
    watchdogs.stop(first)
    watchdogs.start()
    watchdogs.rounds()
    assert watchdogs.kinds() == ["no_algorithm"]
    site.register(algorithm)
    watchdogs.wait_for("no_algorithm", "recovered")
    watchdogs.rounds()
    assert watchdogs.kinds() == ["no_algorithm", "recovered"]


def test_second_watchdog_stays_silent_until_it_takes_over(
    site: Installation, watchdogs: Watchdogs, algorithm: AlgorithmStub
) -> None:
    first, _ = watchdogs.start(), watchdogs.start()
    site.record(1)
    watchdogs.wait_for("no_algorithm")
    watchdogs.rounds()
    watchdogs.stop(first)
    watchdogs.rounds()
    assert watchdogs.kinds() == ["no_algorithm"]
    site.register(algorithm)
    watchdogs.wait_for("no_algorithm", "recovered")


def test_services_that_go_offline_together_are_grouped_into_a_single_message(
    site: Installation, watchdogs: Watchdogs, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    for number in range(1, 12):
        _register_another(site, algorithm, number)
    watchdogs.start()
    site.execute("UPDATE services SET state = 'offline', state_reason = 'probe failed: refused'")
    kinds = {"no_algorithm", "service_offline"}
    wait_until(lambda: set(watchdogs.kinds()) == kinds, 10, "both alarms are raised")
    message = dict(watchdogs.messages())["service_offline"]
    assert message.startswith("12 of 12 services offline: ")
    assert "Many services offline at once usually have a common cause" in message
    assert "12 个服务中有 12 个离线" in message
    site.execute("UPDATE services SET state = 'online'")
    wait_until(lambda: len(watchdogs.kinds()) == 4, 10, "both alarms are over")
    assert dict(watchdogs.messages())["service_online"].startswith(
        "12 of 12 services online again: "
    )


def test_unregistered_service_is_not_reported_online(
    site: Installation, watchdogs: Watchdogs, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    _register_another(site, algorithm, 1)
    watchdogs.start()
    wrong = f"endpoint = '{algorithm.endpoint}'"
    site.execute(f"UPDATE services SET state = 'offline' WHERE {wrong}")
    watchdogs.wait_for("service_offline")
    site.execute(f"UPDATE services SET state = 'unregistered' WHERE {wrong}")
    message = watchdogs.wait_for("service_offline", "service_online")[-1][1]
    assert message.startswith(f"no longer registered: {algorithm.endpoint}")


@pytest.mark.parametrize(("limit", "raised"), [(2, ["queue_backlog"]), (3, []), (0, [])])
def test_backlog_over_the_limit_alerts_once(
    site: Installation,
    watchdogs: Watchdogs,
    algorithm: AlgorithmStub,
    caplog: pytest.LogCaptureFixture,
    limit: int,
    raised: list[str],
) -> None:
    site.configure(stall_alarm_sec=3600, max_queue_size=limit)
    site.register(algorithm)
    site.record(3)
    watchdogs.start()
    watchdogs.rounds()
    assert watchdogs.kinds() == raised
    assert caplog.text.count("inference backlog alert: 3 frames wait") == len(raised)


def test_alarms_of_drops_and_slow_inference_quote_their_numbers(
    site: Installation, watchdogs: Watchdogs, algorithm: AlgorithmStub
) -> None:
    site.configure(stall_alarm_sec=3600, slow_inference_ms=100)
    site.record(1)
    site.register(algorithm)
    _tally(site, Tally(processed=60, queue_full=30, too_old=10, sampled=500))
    _tally(site, Tally(successes=10, infer_ms_sum=2500))
    watchdogs.start()
    wait_until(lambda: len(watchdogs.kinds()) == 2, 10, "both alarms are raised")
    message = dict(watchdogs.messages())
    assert "40 of 100 frames (40 %)" in message["high_drop_rate"]
    assert f"{TYPE} takes 250 ms a frame" in message["slow_inference"]


@pytest.mark.parametrize("stands", [TYPE, ""])
def test_stalled_type_raises_no_slow_inference_alarm(site: Installation, stands: str) -> None:
    site.configure(slow_inference_ms=100)
    site.record(1)
    _tally(site, Tally(successes=10, infer_ms_sum=2500))
    seen = Observation(look(site).facts, 0.0)

    def slow(ringing: Ringing) -> list[str]:
        found = judge(seen, None, ringing, Timings()).conditions
        return [
            condition.subject for condition in found if condition.kind == AlarmKind.SLOW_INFERENCE
        ]

    hangs = {(str(AlarmKind.INFERENCE_STALLED), stands): found_cause("inference_hangs")}
    assert slow({}) == [TYPE]
    assert slow(hangs) == []
    assert slow({**hangs, (AlarmKind.SLOW_INFERENCE, TYPE): NO_REASON}) == [TYPE], "it rang before"


def test_failed_bus_check_raises_an_alarm_that_waits_in_the_outbox(
    site: Installation, watchdogs: Watchdogs
) -> None:
    site.configure(stall_alarm_sec=3600, mq_type="redis", mq_address="redis://127.0.0.1:1/0")
    bus = FakeCheck("bus", "connection refused")
    watchdogs.start(bus)
    ((_, message),) = watchdogs.wait_for("bus_down")
    assert "connection refused" in message
    bus.reason = ""
    message = watchdogs.wait_for("bus_down", "recovered")[-1][1]
    assert "the cause was: connection refused" in message
    assert {row["published_at"] for row in site.rows("SELECT published_at FROM alerts")} == {None}


def test_hanging_store_raises_an_alarm_and_delays_no_other_alarm(
    site: Installation, watchdogs: Watchdogs
) -> None:
    store = FakeCheck("store")
    watchdogs.start(store)
    watchdogs.rounds(2)
    store.hang = threading.Event()
    ((_, message),) = watchdogs.wait_for("store_down")
    assert "no answer within" in message
    site.record(1)
    watchdogs.wait_for("store_down", "no_algorithm")
    hang, store.hang = store.hang, None
    hang.set()
    watchdogs.wait_for("store_down", "no_algorithm", "recovered")


class _Clocks:
    """The module `time`, with a wall clock that can be set."""

    ahead = 0.0
    monotonic = staticmethod(time.monotonic)

    def time(self) -> float:
        """Seconds since 1970."""
        return time.time() + self.ahead


def test_clock_jump_raises_an_alarm_and_writes_an_event(
    site: Installation, watchdogs: Watchdogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks = _Clocks()
    monkeypatch.setattr(watchdog, "time", clocks)
    watchdogs.start()
    watchdogs.rounds(2)
    clocks.ahead = 3600.0
    ((_, message),) = watchdogs.wait_for("clock_jump")
    assert "jumped forward by 60 min" in message
    assert site.rows("SELECT count(*) AS n FROM events WHERE kind = 'clock_jump'")[0]["n"] == 1


def test_alarm_recorded_late_keeps_its_first_moment(site: Installation) -> None:
    with site.runtime.db.write() as conn:
        alarms.record_notification(conn, "bus_down", "", quoted("refused"), 90.0, 100.0, 100.0)
        alarms.record_notification(conn, "bus_down", "", quoted("timed out"), 140.0, 150.0, 150.0)
        (row,) = alarms.ringing(conn)
        assert (row.began_at, row.raised_at) == (90.0, 100.0)
        assert (row.told_at, row.cause) == (150.0, "timed out")
        alarms.record_end(conn, "bus_down", "", 90.0, 200.0)
        assert alarms.ringing(conn) == []
