"""The SQL of the results of calls to services: figures, breaker, learned cap, failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, text

from easyai.db.many import ManyRows
from easyai.domain.verdict import CallResult

#: The kinds of failed calls, which are counted in a column each.
FAILURES: Final = (
    CallResult.REFUSED,
    CallResult.TIMEOUT,
    CallResult.BROKEN,
    CallResult.UNREACHABLE,
)

_ALONE = text("""
    SELECT count(*) FROM service_task_types AS own
     WHERE own.service_pk = :pk AND NOT EXISTS (
           SELECT 1 FROM service_task_types AS other
                    JOIN services ON services.pk = other.service_pk
            WHERE other.task_type = own.task_type AND other.service_pk <> :pk
              AND services.state IN ('online', 'suspect') AND services.breaker_open_until = 0)
""")
_RECORD_CALLS = ManyRows(
    """
    UPDATE services
       SET call_count = call_count + {calls}, ewma_ms = {ewma_ms},
           last_success_at = {last_success_at}, last_evidence = {last_evidence},
           breaker_failures = {failures}, breaker_open_until = {open_until},
           breaker_pause_sec = {pause_sec}, concurrency_cap = {cap},
           cap_changed_at = {cap_changed_at}, cap_halved_at = {cap_halved_at},
           last_failure_reason = {last_failure_reason},
           last_failure_reason_code = {last_failure_reason_code},
           last_failure_reason_args = {last_failure_reason_args}, last_failure_at = {failed_at}
    {rows} WHERE services.pk = {pk}
    """,
    {
        "pk": int,
        "calls": int,
        "ewma_ms": float,
        "last_success_at": float,
        "last_evidence": float,
        "failures": int,
        "open_until": float,
        "pause_sec": float,
        "cap": int,
        "cap_changed_at": float,
        "cap_halved_at": float,
        "last_failure_reason": str,
        "last_failure_reason_code": str,
        "last_failure_reason_args": str,
        "failed_at": float,
    },
)
# Of a steady service (`services.lock_figures`): a fifth of the values, for nearly every call.
_RECORD_ANSWERS = ManyRows(
    """
    UPDATE services
       SET call_count = call_count + {calls}, ewma_ms = {ewma_ms},
           last_success_at = {now}, last_evidence = {now}
    {rows} WHERE services.pk = {pk}
    """,
    {"pk": int, "calls": int, "ewma_ms": float, "now": float},
)
# Apart from the other results, so that a group without failures costs nothing more.
_COUNT_FAILURES = ManyRows(
    """
    UPDATE services
       SET refused_count = refused_count + {refused}, timeout_count = timeout_count + {timeout},
           broken_count = broken_count + {broken},
           unreachable_count = unreachable_count + {unreachable}
    {rows} WHERE services.pk = {pk}
    """,
    {"pk": int} | {str(kind): int for kind in FAILURES},
)


def is_alone(conn: Connection, pk: int) -> bool:
    """Whether an endpoint has a task type that no other endpoint serves without failing."""
    return bool(conn.execute(_ALONE, {"pk": pk}).scalar_one())


def record_calls(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the results of the calls of a settled group to the rows of their endpoints."""
    _RECORD_CALLS.run(conn, rows)


def record_answers(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the answers of steady services, whose calls of the group have all been answered."""
    _RECORD_ANSWERS.run(conn, rows)


def count_failures(conn: Connection, failed: Mapping[int, Mapping[str, int]]) -> None:
    """Count failed calls by pk of the endpoint and kind, after its other results are written."""
    rows = [
        {"pk": pk} | {str(kind): counts.get(kind, 0) for kind in FAILURES}
        for pk, counts in failed.items()
    ]
    _COUNT_FAILURES.run(conn, rows)


def failures_of(row: Any) -> dict[str, int]:
    """The failed calls of a row of `services` by kind."""
    return {str(kind): getattr(row, f"{kind}_count") for kind in FAILURES}
