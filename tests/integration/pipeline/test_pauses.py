"""The pause of a failing endpoint depends on whether its types have another endpoint."""

from __future__ import annotations

import time

import pytest

from easyai.db import services
from easyai.domain.reason import Reason
from easyai.domain.verdict import CallResult, Verdict
from easyai.pipeline import evidence
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation

OTHER = "车辆"


def _pause_after_a_failed_trial(site: Installation, pk: int) -> float:
    now = time.time()
    with site.runtime.db.write() as conn:
        (row,) = services.lock_called(conn, [pk])
        failed = {
            pk: [Verdict(CallResult.TIMEOUT, reason=Reason.of("call.timed_out", timeout_sec=30))]
        }
        evidence.record(conn, site.runtime.settings.ai_analysis, failed, {pk: row}, now)
    (after,) = site.rows("SELECT breaker_pause_sec AS pause FROM services WHERE pk = :pk", pk=pk)
    return float(after["pause"])


@pytest.mark.parametrize(
    ("others", "change", "pause_sec"),
    [
        pytest.param([(TYPE,)], "", 60.0, id="another works"),
        pytest.param([], "", 10.0, id="no other"),
        pytest.param([(TYPE,)], "state = 'offline'", 10.0, id="the other is offline"),
        pytest.param([(TYPE,)], "breaker_open_until = 1", 10.0, id="the other fails too"),
        pytest.param([(OTHER,)], "", 10.0, id="the other is of another type"),
        pytest.param([(TYPE, OTHER)], "state = 'suspect'", 60.0, id="a suspect serves"),
    ],
)
def test_breaker_pause_stays_short_while_a_type_has_no_other_endpoint(
    site: Installation, others: list[tuple[str, ...]], change: str, pause_sec: float
) -> None:
    failing = site.register(AlgorithmStub("failing", task_types=(TYPE,)))
    for number, types in enumerate(others):
        pk = site.register(AlgorithmStub(f"other{number}", task_types=types))
        if change:
            site.execute(f"UPDATE services SET {change} WHERE pk = :pk", pk=pk)
    site.execute(
        "UPDATE services SET breaker_failures = 5, breaker_open_until = 1, breaker_pause_sec = 40"
        " WHERE pk = :pk",
        pk=failing,
    )
    assert _pause_after_a_failed_trial(site, failing) == pause_sec
