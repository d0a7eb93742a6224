"""A time-out of the only call at a service that answers others is the frame's own fault."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from easyai.db import services
from easyai.domain.verdict import Kind, Verdict
from easyai.pipeline import time_outs
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import Installation

_TIMEOUT_SEC = 1.5


def _at_fault(site: Installation, breaker_failures: int, frames: int) -> bool:
    """Whether the first of the frames leased to a service has itself to blame for its time-out."""
    now = time.time()
    with AlgorithmStub() as stub:
        pk = site.register(stub, max_concurrency=4)
    site.execute(
        "UPDATE services SET ewma_ms = 20, breaker_failures = :failures, last_success_at = :at",
        failures=breaker_failures,
        at=now - _TIMEOUT_SEC - 1,
    )
    site.record(frames)
    leased = site.lease().frames
    assert len(leased) == frames
    frame = replace(leased[0], last_failure_at=now - _TIMEOUT_SEC - 2)
    verdict = Verdict(Kind.TIMEOUT, elapsed_ms=_TIMEOUT_SEC * 1000)
    with site.runtime.db.write() as conn:
        rows = {row.pk: row for row in services.lock(conn, [pk])}
        return frame.id in time_outs.of_frames(conn, [(frame, verdict)], rows, now)


def test_a_frame_that_hangs_alone_is_at_fault_when_its_service_answered_others_since_its_last_call(
    site: Installation,
) -> None:
    assert _at_fault(site, breaker_failures=0, frames=1)


@pytest.mark.parametrize(("failures", "frames"), [(1, 1), (0, 2)])
def test_a_frame_is_not_at_fault_where_the_call_before_failed_or_others_are_under_way(
    site: Installation, failures: int, frames: int
) -> None:
    assert not _at_fault(site, failures, frames)
