"""The pipeline's statistics for operators (contract, section 3)."""

from __future__ import annotations

from typing import Any

from easyai.db import admission_rows, audit, clock, ledger, statistics, waiting
from easyai.db.statistics import Tally
from easyai.domain.actor import Actor
from easyai.domain.alert import utc_text
from easyai.domain.reason import Reason
from easyai.runtime import Runtime


def inference_stats(runtime: Runtime) -> dict[str, Any]:
    """Backlog and sums since the last reset, JSON-ready.

    Durations are in milliseconds. `queue_utilization`, `drop_rate` and `minio_move_success_rate`
    are ratios (0 when there is nothing to divide by). Rates are means of the last half minute.
    `queue_size` counts every waiting frame, including `parked` frames (no live service for their
    type), so that an outage shows where operators look. Frames sampled out are not in
    `dropped_total`. `updated_at` is the last change of the sums, RFC 3339; now if nothing was
    counted yet, because readers take an empty time for 1970. The `minio_move_*` numbers also count
    the moves in a local folder.
    """
    with runtime.db.read() as conn:
        pending = sum(waiting.counts(conn).values())
        parked = sum(admission_rows.parked_counts(conn).values())
        leased = sum(count for _, _, count in ledger.in_flight(conn))
        tally, updated_at = statistics.total(conn)
        now = clock.now(conn)
        rates = statistics.rates(conn, now)
    analysis = runtime.settings.ai_analysis
    return (
        {
            "queue_size": pending + parked,
            "queue_max_size": analysis.max_queue_size,
            "queue_utilization": _ratio(pending + parked, analysis.max_queue_size),
            "active_inferences": leased,
            "max_concurrent_infer": analysis.max_concurrent_infer,
            "strategy": analysis.queue_full_strategy,
            "parked": parked,
        }
        | _inferences(tally, rates)
        | _moves(tally)
        | {"updated_at": utc_text(updated_at or now)}
    )


def reset(runtime: Runtime, by: Actor | None = None) -> None:
    """Reset the sums to zero; frames and alerts stay. `by` is recorded."""
    with runtime.db.write() as conn:
        statistics.reset(conn)
        audit.note(conn, by, "reset", Reason("action.statistics_reset"))


def _inferences(tally: Tally, rates: tuple[float, float, float]) -> dict[str, Any]:
    requests, responses, successes = rates
    return {
        "dropped_total": tally.dropped,
        "dropped_by_reason": {
            "queue_full": tally.queue_full,
            "too_old": tally.too_old,
            "disk_low": tally.disk_low,
        },
        "sampled_total": tally.sampled,
        "superseded_total": tally.superseded,
        "discarded_total": tally.discarded,
        "processed_total": tally.processed,
        "drop_rate": _ratio(tally.dropped, tally.dropped + tally.processed),
        "avg_inference_ms": _ratio(tally.infer_ms_sum, tally.successes),
        "max_inference_ms": round(tally.infer_ms_max),
        "total_inferences": tally.successes + tally.failures,
        "success_inferences": tally.successes,
        "failed_inferences": tally.failures,
        "success_rate_per_sec": round(successes, 3),
        "request_rate_per_sec": round(requests, 3),
        "response_rate_per_sec": round(responses, 3),
    }


def _moves(tally: Tally) -> dict[str, Any]:
    succeeded = tally.moves - tally.moves_failed
    return {
        "minio_move_total": tally.moves,
        "minio_move_success": succeeded,
        "minio_move_failed": tally.moves_failed,
        "minio_move_avg_time_ms": _ratio(tally.move_ms_sum, tally.moves),
        "minio_move_max_time_ms": round(tally.move_ms_max),
        "minio_move_success_rate": _ratio(succeeded, tally.moves),
    }


def _ratio(part: float, whole: float) -> float:
    return round(part / whole, 4) if whole else 0.0
