"""The ids of a frame's trace, derived from the frame's id: the same in every process, never stored.

So a call, a retry and the publication of the alert belong to the same trace, even in different
processes and without a column for the trace id.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple


class TraceIds(NamedTuple):
    """The ids of a frame's trace and of its root span, the parent of all other spans."""

    trace_id: int
    root_span_id: int


def trace_ids(installation_id: str, frame_id: int) -> TraceIds:
    """The ids of a frame's trace; evenly distributed, as samplers by ratio need."""
    text = f"easyai:{installation_id}:{frame_id}".encode()
    digest = hashlib.blake2b(text, digest_size=24).digest()
    # Neither may be 0 (W3C Trace Context).
    return TraceIds(int.from_bytes(digest[:16]) or 1, int.from_bytes(digest[16:]) or 1)


def traceparent(trace_id: int, span_id: int) -> str:
    """The W3C `traceparent` header of a sampled span."""
    return f"00-{trace_id:032x}-{span_id:016x}-01"
