"""The verdict on a call of an algorithm service."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from easyai.domain.json_text import parsed
from easyai.domain.reason import NO_REASON, QUOTED, Reason, quote

_HTTP_ERROR: Final = "call.http_error"
REFUSED: Final = "call.refused"  # in the words of the service
# Codes that the diagnosis distinguishes; pipeline/caller.py makes these reasons.
TIMED_OUT: Final = "call.timed_out"
NOT_CONNECTED: Final = "call.not_connected"
LINK_BROKEN: Final = "call.link_broken"
_REDIRECTS = range(300, 400)
_MOST_DETECTIONS = 2**31 - 1  # that a database's integer holds


class CallResult(StrEnum):
    """The class of an answer."""

    INFERRED = "inferred"  # success:true
    REFUSED = "refused"  # success:false: the algorithm refused the picture
    UNREACHABLE = "unreachable"  # never connected: no evidence about the frame
    TIMEOUT = "timeout"  # no answer in time: the service is overloaded or hangs
    BROKEN = "broken"  # 5xx, cut off, or not the contract's JSON: fault of service or frame
    UNFETCHED = "unfetched"  # our store or picture link does not answer: not the service's fault
    MISSING = "missing"  # the picture is no longer in the store
    SUPERSEDED = "superseded"  # a newer picture had come under its key


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a call; times in milliseconds."""

    kind: CallResult
    elapsed_ms: float = 0.0  # measured by us, request to answer
    reason: Reason = NO_REASON  # none if the frame was inferred
    result: Any = field(default_factory=dict)
    confidence: float = 0.0
    inference_ms: float = 0.0  # as reported by the algorithm
    detection_count: int = 0
    called: bool = True  # False: the service was never called
    not_accepted: bool = False  # unreachable: the host did not answer the connection in time
    frames_fault: bool = False  # the frame caused the time-out: the service answered other frames


def judge(status: int, body: bytes, elapsed_ms: float) -> Verdict:
    """Judge an HTTP answer by the contract, section 4."""
    if status != 200:
        return _broken(_explained(status, body), elapsed_ms)
    try:
        answer = parsed(body)
    except (ValueError, RecursionError):
        # Do not repeat the body in the reason: anybody who registers an endpoint chooses its
        # content, and our clients see the reason.
        return _broken(Reason.of("call.not_json", body_bytes=len(body)), elapsed_ms)
    if not isinstance(answer, dict) or not isinstance(answer.get("success"), bool):
        return _broken(Reason("call.no_success_field"), elapsed_ms)
    if not answer["success"]:
        return Verdict(CallResult.REFUSED, elapsed_ms, _refusal(answer.get("error")))
    result = answer.get("result")
    if result is None:
        result = {}
    return Verdict(
        CallResult.INFERRED,
        elapsed_ms,
        result=result,
        confidence=_number(answer.get("confidence")),
        inference_ms=_number(answer.get("inference_time_ms")),
        detection_count=detection_count(result),
    )


def detection_count(result: Any) -> int:
    """The number of objects in a result, by the first rule of the contract that applies."""
    if not isinstance(result, dict):
        return 0
    lines = result.get("line_crossing")
    if isinstance(lines, dict):
        crossed = sum(
            _count(line.get("count")) or 0 for line in lines.values() if isinstance(line, dict)
        )
        if crossed > 0:
            return min(crossed, _MOST_DETECTIONS)
    for name in ("total_count", "count", "num"):
        counted = _count(result.get(name))
        if counted is not None:
            return counted
    for name in ("detections", "objects"):
        listed = result.get(name)
        if isinstance(listed, list):
            return len(listed)
    return 0


def words_of_service(reason: Reason) -> str:
    """The service's own words about a failed call, which may be anything; '' if there are none.

    For a row of the previous release, the whole reason.
    """
    name = {REFUSED: "error", _HTTP_ERROR: "error", QUOTED: "text"}.get(reason.code)
    return str(reason.get(name)) if name else ""


def _refusal(error: Any) -> Reason:
    return Reason.of(REFUSED, error=quote(str(error))) if error else Reason("call.refused_silently")


def _explained(status: int, body: bytes) -> Reason:
    """The reason of a failing status; field services send the contract's refusal with a 500.

    Only the refusal is quoted; any other body is not repeated, as with invalid JSON.
    """
    if status in _REDIRECTS:
        return Reason.of("call.redirected", status=status)
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict) and answer.get("success") is False:
        error = answer.get("error")
        if isinstance(error, str) and error:
            return Reason.of(_HTTP_ERROR, status=status, error=quote(error))
    return Reason.of("call.http_status", status=status)


def _broken(reason: Reason, elapsed_ms: float) -> Verdict:
    return Verdict(CallResult.BROKEN, elapsed_ms, reason)


def _count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return int(min(max(0, value), _MOST_DETECTIONS))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    try:
        number = float(value)
    except OverflowError:
        return 0.0
    return number if math.isfinite(number) else 0.0
