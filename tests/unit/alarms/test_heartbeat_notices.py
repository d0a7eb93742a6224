"""Missing heartbeats of many services: no "over" while a silent service has no alarm of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from easyai.alarms.grouping import messages
from easyai.alarms.of_services import of_services
from easyai.alarms.timings import Timings
from easyai.diagnosis.causes.rank import Ranking
from easyai.domain.alarm import AlarmKind, Board, Change, Notice
from easyai.domain.reason import NO_REASON
from easyai.health.facts import Facts
from easyai.health.snapshot import ServiceFacts, Snapshot
from easyai.messages.catalogue import text
from easyai.settings.schema import Settings

TIMINGS = Timings()
SERVICES = 12
TIMEOUT_SEC = 60.0
START = 1_000_000.0
CUT = 100.0  # from here on no heartbeat comes
CURE = 400.0


def _board() -> Board:
    return Board(clear_sec=TIMINGS.clear_sec, cause_sec=TIMINGS.cause_sec)


def _facts(heard_at: Sequence[float], now: float) -> Facts:
    """Services that answer frames all the time, with their last heartbeat at these moments."""
    services = tuple(
        ServiceFacts(
            pk=number,
            service_id=f"yolo_{number:02}",
            endpoint=f"http://10.0.0.9:79{number:02}/infer",
            probe_url=f"http://10.0.0.9:79{number:02}/health",
            health_url=None,
            task_types=("人数统计",),
            state="online",
            state_reason=NO_REASON,
            state_since=START,
            register_at=START,
            last_heartbeat=START + at,
            last_evidence=START + now,
            last_success_at=START + now,
            registered={},
            registered_from="10.0.0.9",
            heartbeat_timeout_sec=TIMEOUT_SEC,
            probe_failures=0,
            breaker="closed",
            last_failure_reason=NO_REASON,
            last_failure_at=0.0,
            ewma_ms=20.0,
            in_flight=0,
            oldest_lease_at=0.0,
        )
        for number, at in enumerate(heard_at, start=1)
    )
    snapshot = Snapshot((), services, (), {}, (), (), 0, 0.0, 0.0, 0.0, {})
    return Facts(START + now, Settings(), {}, snapshot)


def _notices(every_sec: float, back: Mapping[int, float], until: float = 1200.0) -> list[Notice]:
    """The notices of a run; `back`: the moment from which a service's heartbeats come again.

    The heartbeats of each service come at its own moment of the interval.
    """
    board, all_notices = _board(), []
    for second in range(int(until)):
        now = float(second)
        observed = (
            now - second % 2
        )  # an observation every two seconds, a move of the board each second
        heard = [_newest(number, every_sec, observed, back) for number in range(1, SERVICES + 1)]
        facts = _facts(heard, observed)
        conditions = list(of_services(facts, Ranking(facts), board.ringing, TIMINGS))
        notices = board.move(conditions, set(AlarmKind), 3600.0, now, START + now)
        assert all(text(message.reason, "zh") for message in messages(notices, facts))
        all_notices += notices
    return all_notices


def _newest(number: int, every_sec: float, now: float, back: Mapping[int, float]) -> float:
    """The moment of the last heartbeat of a service."""
    phase = every_sec * number / SERVICES
    newest = phase + (now - phase) // every_sec * every_sec
    if newest >= back.get(number, float("inf")):
        return newest
    return min(newest, phase + (CUT - phase) // every_sec * every_sec)


def _short(notices: Sequence[Notice]) -> list[tuple[Change, str]]:
    return [(notice.change, notice.subject[-8:-6]) for notice in notices]


@pytest.mark.parametrize("every_sec", [5.0, 30.0])
def test_services_that_return_in_sequence_raise_and_end_a_single_alarm(
    every_sec: float,
) -> None:
    notices = _notices(every_sec, dict.fromkeys(range(1, SERVICES + 1), CURE))
    assert _short(notices) == [(Change.RAISED, ""), (Change.OVER, "")]
    assert notices[1].at - START <= CURE + every_sec + TIMINGS.clear_sec + 3


@pytest.mark.parametrize("every_sec", [5.0, 30.0])
def test_services_that_stay_silent_get_alarms_before_the_alarm_of_many_ends(
    every_sec: float,
) -> None:
    notices = _notices(
        every_sec, {number: CURE for number in range(1, SERVICES + 1) if number not in (4, 9)}
    )
    assert _short(notices) == [
        *((Change.RAISED, ""), (Change.RAISED, "04"), (Change.RAISED, "09")),
        (Change.OVER, ""),
    ]
    many, named, _, over = notices
    assert many.raised_at - START <= CUT + TIMEOUT_SEC + 35
    assert named.at - START <= CURE + every_sec + 35, "no new five minutes"
    assert 0 < over.at - named.at <= TIMINGS.clear_sec + 3, "together"


def test_alarms_of_single_services_end_when_their_heartbeats_return() -> None:
    back = dict.fromkeys(range(1, SERVICES + 1), CURE) | {4: 600.0, 9: 600.0}
    notices = _notices(30.0, back)
    assert _short(notices)[-3:] == [(Change.OVER, ""), (Change.OVER, "04"), (Change.OVER, "09")]


def test_single_silent_service_keeps_the_long_grace() -> None:
    notices = _notices(30.0, {number: 0.0 for number in range(1, SERVICES + 1) if number != 4})
    assert _short(notices) == [(Change.RAISED, "04")]
    assert notices[0].at - START >= CUT + TIMEOUT_SEC + 270


def test_heartbeats_of_all_services_slightly_late_raise_no_alarm() -> None:
    board = _board()
    for now, heard in ((200.0, 139.0), (202.0, 139.0), (204.0, 139.0), (206.0, 205.0)):
        facts = _facts([heard] * SERVICES, now)
        conditions = list(of_services(facts, Ranking(facts), board.ringing, TIMINGS))
        assert board.move(conditions, set(AlarmKind), 3600.0, now, START + now) == []
        assert bool(conditions) is (heard < 200)
