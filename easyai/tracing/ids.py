"""The trace of a frame, derived from its number: the same in every process, kept nowhere.

So the call in one worker, a retry in another and the publication of the alert in a third are one
trace, without a column for it.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple


class TraceIds(NamedTuple):
    """Of one frame: its trace, and the span that is the parent of all others."""

    trace_id: int
    root_span_id: int


def trace_ids(installation_id: str, frame_id: int) -> TraceIds:
    """The ids of a frame's trace; spread evenly, as samplers by ratio need."""
    text = f"easyai:{installation_id}:{frame_id}".encode()
    digest = hashlib.blake2b(text, digest_size=24).digest()
    # Neither may be 0 (W3C Trace Context).
    return TraceIds(int.from_bytes(digest[:16]) or 1, int.from_bytes(digest[16:]) or 1)


def traceparent(trace_id: int, span_id: int) -> str:
    """The W3C header of a sampled span."""
    return f"00-{trace_id:032x}-{span_id:016x}-01"
