"""The choice of the endpoint of a frame, and endpoints that get none."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest

from easyai.pipeline.dispatched import Dispatched
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation


def _shares(dispatched: Dispatched) -> Counter[int]:
    return Counter(frame.service_pk for frame in dispatched.frames)


def _set(site: Installation, pk: int, **values: Any) -> None:
    assignments = ", ".join(f"{name} = :{name}" for name in values)
    site.execute(f"UPDATE services SET {assignments} WHERE pk = :pk", pk=pk, **values)


@pytest.fixture
def pks(site: Installation) -> list[int]:
    """Two services of the same type, and plenty of frames."""
    site.record(200)
    return [site.register(AlgorithmStub(name)) for name in ("a", "b")]


def test_frames_go_to_the_endpoint_expected_to_finish_first(
    site: Installation, pks: list[int]
) -> None:
    _set(site, pks[0], ewma_ms=10.0)
    _set(site, pks[1], ewma_ms=40.0)
    assert _shares(site.lease(most=50)) == {pks[0]: 40, pks[1]: 10}


def test_frames_in_flight_of_all_leases_count_in_the_choice(
    site: Installation, pks: list[int]
) -> None:
    _set(site, pks[0], ewma_ms=10.0)
    _set(site, pks[1], ewma_ms=10.0)
    shares: Counter[int] = Counter()
    for _ in range(10):
        shares += _shares(site.lease(most=1))
    assert shares == {pks[0]: 5, pks[1]: 5}


def test_unmeasured_service_gets_its_share_of_frames(site: Installation, pks: list[int]) -> None:
    _set(site, pks[0], ewma_ms=300.0)
    assert _shares(site.lease(most=10)) == {pks[0]: 5, pks[1]: 5}


def test_suspect_service_is_used_last(site: Installation, pks: list[int]) -> None:
    _set(site, pks[0], state="suspect", ewma_ms=1.0)
    _set(site, pks[1], max_concurrency=4, ewma_ms=500.0)
    assert _shares(site.lease(most=4)) == {pks[1]: 4}
    assert _shares(site.lease(most=4)) == {pks[0]: 4}


@pytest.mark.parametrize("state", ["offline", "unregistered"])
def test_offline_or_unregistered_service_gets_no_frames(
    site: Installation, pks: list[int], state: str
) -> None:
    _set(site, pks[0], state=state)
    assert _shares(site.lease(most=10)) == {pks[1]: 10}
    _set(site, pks[1], state=state)
    leased = site.lease()
    assert (leased.frames, leased.unserved) == ([], [TYPE])


def test_open_breaker_gets_no_frames_and_half_open_breaker_a_single_trial(
    site: Installation, pks: list[int]
) -> None:
    now = time.time()
    for pk in pks:
        _set(site, pk, breaker_failures=3, breaker_open_until=now + 5, breaker_pause_sec=5.0)
    assert site.lease(now=now).frames == []
    assert _shares(site.lease(now=now + 5.1)) == {pks[0]: 1, pks[1]: 1}
    assert site.lease(now=now + 5.2).frames == []


def test_frame_avoids_the_endpoint_that_failed(site: Installation, pks: list[int]) -> None:
    _set(site, pks[0], ewma_ms=1.0)
    site.execute("UPDATE frames SET avoid_service = :pk", pk=pks[0])
    assert _shares(site.lease(most=3)) == {pks[1]: 3}
    _set(site, pks[1], state="offline")
    assert _shares(site.lease(most=3)) == {pks[0]: 3}  # better than waiting


def test_frame_not_yet_due_is_not_leased(site: Installation, pks: list[int]) -> None:
    now = time.time()
    site.execute("UPDATE frames SET due_at = :at", at=now + 3)
    assert site.lease(now=now + 1).frames == []
    assert len(site.lease(now=now + 3.1, most=5).frames) == 5


def test_oldest_frames_are_leased_first(site: Installation, pks: list[int]) -> None:
    taken = [frame.id for frame in site.lease(most=5).frames]
    assert taken == [frame["id"] for frame in site.frames()[:5]]


def test_lease_has_the_endpoint_and_the_fields_for_the_call(
    site: Installation, pks: list[int]
) -> None:
    leased = site.lease(most=2)
    for frame in leased.frames:
        assert leased.endpoints[frame.service_pk].url.endswith("/infer")
        assert (frame.task_type, frame.task_id) == (TYPE, "门口1")
        row = site.frame(frame.key)
        assert row["lease_token"] == frame.lease_token
        assert row["lease_expires_at"] == pytest.approx(time.time() + 15, abs=5)
