"""A service as the settling of its calls reads it."""

from __future__ import annotations

from typing import NamedTuple


class CalledService(NamedTuple):
    """The columns of a service that the settling of its calls needs; times in Unix seconds.

    Reading all columns costs half as much again, and a transaction reads a row for nearly each
    frame.
    """

    pk: int
    service_id: str
    endpoint: str
    state: str
    state_since: float
    max_concurrency: int | None
    ewma_ms: float | None
    last_success_at: float
    last_evidence: float
    breaker_failures: int
    breaker_open_until: float
    breaker_pause_sec: float
    concurrency_cap: int | None
    cap_changed_at: float
    cap_halved_at: float
    last_failure_reason: str | None
    last_failure_reason_code: str | None
    last_failure_reason_args: str | None
    last_failure_at: float
