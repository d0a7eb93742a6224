"""What came back from an algorithm service, judged once."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

_LONGEST_REASON = 500
_SIGNATURE = re.compile(r"([?&][\w.-]*signature=)[^&#\s\"'<>)]*", re.IGNORECASE)
_REDIRECTS = range(300, 400)
_REDIRECTED = ", redirects are not followed: register the address it leads to"
_MOST_DETECTIONS = 2**31 - 1  # that a database's integer holds


class Kind(StrEnum):
    """The class of an answer."""

    INFERRED = "inferred"  # success:true
    REFUSED = "refused"  # success:false: the algorithm looked and said no
    UNREACHABLE = "unreachable"  # never connected: says nothing about the frame
    TIMEOUT = "timeout"  # no answer in time: too much at once, or a service that hangs
    BROKEN = "broken"  # 5xx, cut off, not the contract's JSON: service or frame
    UNFETCHED = "unfetched"  # our own store or picture link does not answer: nobody's fault there
    MISSING = "missing"  # the picture is no longer in the store
    SUPERSEDED = "superseded"  # a newer picture had come under its key


@dataclass(frozen=True, slots=True)
class Verdict:
    """One call's result; times in milliseconds."""

    kind: Kind
    elapsed_ms: float = 0.0  # measured by us, request to answer
    reason: str = ""
    result: Any = field(default_factory=dict)
    confidence: float = 0.0
    inference_ms: float = 0.0  # as the algorithm says
    detection_count: int = 0
    called: bool = True  # False: over before the service was asked
    unheard: bool = False  # unreachable, but not refused: nobody took the connection in time
    frames_fault: bool = False  # a time-out that says nothing of the service: it answered others


def judge(status: int, body: bytes, elapsed_ms: float) -> Verdict:
    """Judge an HTTP answer by the contract, section 4."""
    if status != 200:
        redirected = _REDIRECTED if status in _REDIRECTS else ""
        return _broken(f"HTTP status {status}{redirected}{_explained(status, body)}", elapsed_ms)
    try:
        answer = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        # None of it is repeated: who registers an endpoint chooses what is read here, and clients
        # of ours see the reason.
        return _broken(f"not JSON: {len(body)} bytes", elapsed_ms)
    if not isinstance(answer, dict) or not isinstance(answer.get("success"), bool):
        return _broken("no field 'success' of true or false in the answer", elapsed_ms)
    if not answer["success"]:
        reason = str(answer.get("error") or "success:false without an error")
        return Verdict(Kind.REFUSED, elapsed_ms, clean_reason(reason))
    result = answer.get("result")
    if result is None:
        result = {}
    return Verdict(
        Kind.INFERRED,
        elapsed_ms,
        result=result,
        confidence=_number(answer.get("confidence")),
        inference_ms=_number(answer.get("inference_time_ms")),
        detection_count=detection_count(result),
    )


def detection_count(result: Any) -> int:
    """How many objects a result tells of, by the first rule of the contract that applies."""
    if not isinstance(result, Mapping):
        return 0
    lines = result.get("line_crossing")
    if isinstance(lines, Mapping):
        crossed = sum(
            _count(line.get("count")) or 0 for line in lines.values() if isinstance(line, Mapping)
        )
        if crossed > 0:
            return min(crossed, _MOST_DETECTIONS)
    for name in ("total_count", "count", "num"):
        counted = _count(result.get(name))
        if counted is not None:
            return counted
    for name in ("detections", "objects"):
        found = result.get(name)
        if isinstance(found, list):
            return len(found)
    return 0


def _explained(status: int, body: bytes) -> str:
    """What a service says of its failure: field clients send the contract's refusal with a 500.

    Nothing else is repeated, as with an answer that is not JSON.
    """
    if status in _REDIRECTS:
        return ""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(answer, dict) or answer.get("success") is not False:
        return ""
    error = answer.get("error")
    return f": {error}" if isinstance(error, str) and error else ""


def _broken(reason: str, elapsed_ms: float) -> Verdict:
    return Verdict(Kind.BROKEN, elapsed_ms, clean_reason(reason))


def clean_reason(reason: str) -> str:
    """The reason as text that every database takes and anybody may read, 500 characters at most.

    A service may quote the signed link to a picture that it could not open.
    """
    # NUL is no text in PostgreSQL, a lone surrogate none in UTF-8.
    clean = reason.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    clean = clean if len(clean) <= _LONGEST_REASON else clean[:_LONGEST_REASON] + "…"
    return _SIGNATURE.sub(r"\1********", clean)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


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
