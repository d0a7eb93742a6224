"""A breaker opens after three failures, pauses longer each time, closes after a success."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from easyai.domain.breaker import (
    FIRST_PAUSE_SEC,
    LONGEST_PAUSE_ALONE_SEC,
    LONGEST_PAUSE_SEC,
    OPEN_AFTER,
    Breaker,
    learned_cap,
    retry_delay_sec,
)

NOW = 1_700_000_000.0


def opened(now: float = NOW) -> Breaker:
    """A breaker that has just opened."""
    breaker = Breaker()
    for _ in range(OPEN_AFTER):
        breaker = breaker.failed(now)
    return breaker


def test_new_breaker_admits_every_request() -> None:
    assert Breaker().closed
    assert Breaker().admits(NOW, in_flight=1000) is None


def test_breaker_opens_after_the_given_failures_in_a_row_and_not_earlier() -> None:
    breaker = Breaker()
    for _ in range(OPEN_AFTER - 1):
        breaker = breaker.failed(NOW)
        assert breaker.closed
    assert not breaker.failed(NOW).closed


def test_a_success_between_failures_starts_the_count_anew() -> None:
    breaker = Breaker()
    for _ in range(OPEN_AFTER * 3):
        breaker = breaker.failed(NOW).succeeded()
    assert breaker == Breaker()


def test_open_breaker_admits_no_request_until_its_pause_is_over() -> None:
    breaker = opened()
    assert breaker.admits(NOW, 0) == 0
    assert breaker.admits(NOW + FIRST_PAUSE_SEC - 0.001, 0) == 0
    assert breaker.admits(NOW + FIRST_PAUSE_SEC, 0) == 1


def test_breaker_admits_a_single_trial_at_a_time_after_the_pause() -> None:
    later = NOW + FIRST_PAUSE_SEC
    assert opened().admits(later, in_flight=0) == 1
    assert opened().admits(later, in_flight=1) == 0
    assert opened().admits(later, in_flight=7) == 0


def test_successful_trial_closes_the_breaker() -> None:
    assert opened().succeeded() == Breaker()


def test_failed_trial_opens_the_breaker_for_twice_as_long_up_to_a_minute() -> None:
    breaker, pauses = opened(), [FIRST_PAUSE_SEC]
    for _ in range(6):
        now = breaker.open_until
        breaker = breaker.failed(now)
        pauses.append(breaker.open_until - now)
    assert pauses == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0]


def test_requests_that_fail_after_the_breaker_opened_do_not_prolong_the_pause() -> None:
    breaker = opened()
    straggler = breaker.failed(NOW + 1).failed(NOW + 2)
    assert straggler.open_until == breaker.open_until
    assert straggler.pause_sec == breaker.pause_sec


@given(st.lists(st.booleans(), max_size=60), st.lists(st.floats(0, 120), min_size=60))
def test_breaker_never_pauses_longer_than_a_minute(
    outcomes: list[bool], waits: list[float]
) -> None:
    breaker, now = Breaker(), NOW
    for success, wait in zip(outcomes, waits, strict=False):
        now += wait
        breaker = breaker.succeeded() if success else breaker.failed(now)
        assert breaker.open_until <= now + LONGEST_PAUSE_SEC
        assert breaker.admits(now + LONGEST_PAUSE_SEC, 0) != 0
        assert (breaker.admits(now, 0) is None) == breaker.closed


def test_a_frame_waits_longer_after_each_try_but_never_long() -> None:
    delays = [retry_delay_sec(tries) for tries in range(8)]
    assert delays == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]
    assert retry_delay_sec(10_000) == 5.0


def learned(
    cap: int | None,
    timeouts: int = 0,
    in_flight: int = 0,
    since_change_sec: float = 100.0,
    since_halved_sec: float = 100.0,
    answer_sec: float = 0.05,
) -> int | None:
    """The next cap of an endpoint whose requests may take 30 s."""
    return learned_cap(
        cap,
        timeouts=timeouts,
        in_flight=in_flight,
        since_change_sec=since_change_sec,
        since_halved_sec=since_halved_sec,
        timeout_sec=30.0,
        answer_sec=answer_sec,
    )


def test_an_endpoint_without_time_outs_has_no_cap() -> None:
    assert learned(None, in_flight=1000) is None


def test_time_outs_halve_the_cap_of_an_endpoint_down_to_1() -> None:
    assert learned(None, timeouts=1, in_flight=40) == 20
    assert learned(20, timeouts=5, in_flight=20) == 10
    assert learned(20, timeouts=1, in_flight=6) == 3  # it had not even been given its cap
    assert learned(1, timeouts=1, in_flight=1) == 1
    assert learned(None, timeouts=1, in_flight=1) == 1


def test_requests_that_started_before_the_cap_do_not_halve_it_again() -> None:
    assert learned(20, timeouts=20, in_flight=40, since_halved_sec=29.9) == 20
    assert learned(20, timeouts=20, in_flight=20, since_halved_sec=30.0) == 10


def test_a_cap_that_has_grown_is_halved_all_the_same() -> None:
    assert learned(20, timeouts=1, in_flight=20, since_change_sec=0.5) == 10


def test_answers_among_time_outs_do_not_let_a_cap_grow_without_end() -> None:
    """Of a service that answers in 20 s as many at once as it gets, three time out each second."""
    cap: int | None = 15
    changed = halved = 0.0
    for second in range(1, 301):
        for timeouts, now in ((0, float(second)), (3, second + 0.5)):
            learnt = learned(cap, timeouts, cap or 0, now - changed, now - halved, answer_sec=20.0)
            if learnt != cap:
                halved = now if timeouts else halved
                cap, changed = learnt, now
    assert cap is not None
    assert cap <= 2


def test_cap_grows_by_1_a_second_and_ends_above_its_use() -> None:
    assert learned(10, since_change_sec=0.9) == 10
    assert learned(10, since_change_sec=1.0) == 11
    assert learned(10, since_change_sec=1000.0) == 11
    assert learned(10, since_change_sec=4.9, answer_sec=5.0) == 10, "none of it is seen yet"
    assert learned(10, since_change_sec=5.0, answer_sec=5.0) == 11
    assert learned(999) == 1000
    assert learned(1000) is None


@given(st.integers(1, 1000) | st.none(), st.integers(1, 50), st.integers(1, 2000))
def test_a_cap_never_shuts_an_endpoint_out_nor_grows_by_a_time_out(
    cap: int | None, timeouts: int, in_flight: int
) -> None:
    learnt = learned(cap, timeouts, in_flight)
    assert learnt is not None
    assert 1 <= learnt <= max(1, in_flight // 2)
    assert cap is None or learnt <= cap


def test_the_pauses_of_an_endpoint_on_which_a_type_depends_stay_short() -> None:
    breaker, pauses = opened(), []
    for _ in range(4):
        now = breaker.open_until
        breaker = breaker.failed(now, alone=True)
        pauses.append(breaker.open_until - now)
    assert pauses == [LONGEST_PAUSE_ALONE_SEC] * 4
    assert breaker.failed(breaker.open_until).pause_sec == 2 * LONGEST_PAUSE_ALONE_SEC


def test_breaker_stays_closed_while_the_endpoint_answers_others_until_a_trial_fails() -> None:
    breaker = Breaker()
    for _ in range(9):
        breaker = breaker.failed(NOW, answers_others=True)
    assert (breaker.closed, breaker.failures) == (True, 9)
    opened = breaker.failed(NOW)
    assert not opened.closed
    again = opened.failed(opened.open_until, answers_others=True)
    assert again.open_until > opened.open_until
