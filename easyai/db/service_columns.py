"""The columns of the table `services` that this release reads.

They are named: PostgreSQL refuses a prepared ``SELECT *`` once a newer release has added a column.
"""

from __future__ import annotations

from typing import Final

_IDENTITY: Final = (
    *("pk", "service_id", "name", "endpoint", "version", "max_concurrency", "health_url"),
    *("heartbeat_timeout_sec", "register_at", "registered_from"),
)
_STATE: Final = (
    *("state", "state_reason", "state_reason_code", "state_reason_args", "state_since"),
    *("last_heartbeat", "last_evidence", "probe_failures", "next_probe_at"),
)
_CALLS: Final = (
    *("call_count", "ewma_ms", "last_success_at", "last_failure_at", "last_failure_reason"),
    *("last_failure_reason_code", "last_failure_reason_args"),
    *("refused_count", "timeout_count", "broken_count", "unreachable_count"),
    *("breaker_failures", "breaker_open_until", "breaker_pause_sec"),
    *("concurrency_cap", "cap_changed_at", "cap_halved_at"),
)
_SAID: Final = (
    *("said_total_requests", "said_avg_inference_ms", "said_last_inference_ms"),
    "said_last_total_ms",
)
COLUMNS: Final = (*_IDENTITY, *_STATE, *_CALLS, *_SAID)
#: The beginning of a query for whole services.
SELECT: Final = f"SELECT {', '.join(COLUMNS)}"
