"""The spans of a frame's trace, named by OpenTelemetry's conventions where they apply.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/ and …/messaging/messaging-spans/
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from easyai.tracing.ids import TraceIds
from easyai.tracing.journey import Attempt, Call, Publication, Transaction, without_secrets
from easyai.tracing.sdk import Sdk

_LONGEST_SCAN_SEC: Final = 3600.0  # an older file was there before the scan, or its clock is off
_MOST_LINKS: Final = 128
_LOW_BITS: Final = (1 << 64) - 1
_FINAL: Final = ("done", "failed")

Times = Mapping[int, tuple[float, float]]  # captured at and found at, by frame id


def make_transaction(sdk: Sdk, transaction: Transaction, times: Times) -> None:
    """Make the spans of a transaction and of the attempts that it settled."""
    roots = [attempt.call.ids for attempt in transaction.attempts]
    # The transaction has its own trace id. Samplers by ratio look at the lower half of the id: the
    # transaction takes that half from the first frame and is sampled with that frame.
    own = secrets.randbits(64) << 64 | roots[0].trace_id & _LOW_BITS
    counts = {
        "easyai.dispatch.settled": transaction.settled,
        "easyai.dispatch.leased": transaction.leased,
    }
    span = sdk.span(
        "dispatch",
        (transaction.began_at, transaction.ended_at),
        counts,
        ids=(own, None),
        links=roots[:_MOST_LINKS],
    )
    for attempt in transaction.attempts:
        _make_attempt(sdk, transaction, span, attempt, times.get(attempt.frame_id))


def _make_attempt(
    sdk: Sdk,
    transaction: Transaction,
    span: TraceIds,
    attempt: Attempt,
    times: tuple[float, float] | None,
) -> None:
    ids, call = attempt.call.ids, attempt.call
    captured_at, found_at = times or (call.leased_at, call.leased_at)
    waited_since = attempt.waited_since or found_at
    of_frame = {"easyai.task_type": attempt.task_type, "easyai.task_id": attempt.task_id}
    sdk.span("wait", (waited_since, call.leased_at), of_frame, parent=ids)
    _make_call(sdk, attempt, call)
    result = {"easyai.state": attempt.state, "easyai.outcome": attempt.outcome}
    settled = (transaction.began_at, transaction.ended_at)
    sdk.span("settle", settled, {**of_frame, **result}, parent=ids, links=[span])
    if attempt.state not in _FINAL:
        return  # the trace goes on with the next attempt, here or elsewhere
    began_at = captured_at if 0 <= found_at - captured_at < _LONGEST_SCAN_SEC else found_at
    sdk.span("find", (began_at, found_at), of_frame, parent=ids)
    known = {"easyai.frame.id": attempt.frame_id, "easyai.frame.key": attempt.key}
    sdk.span(
        f"frame {attempt.task_type}",
        (began_at, transaction.ended_at),
        {**of_frame, **known, **result, "easyai.tries": attempt.tries + 1},
        ids=(ids.trace_id, ids.root_span_id),
        error=attempt.reason if attempt.state == "failed" else None,
    )


def _make_call(sdk: Sdk, attempt: Attempt, call: Call) -> None:
    parts = urlsplit(call.endpoint)
    attributes: dict[str, Any] = {
        "http.request.method": "POST",
        "url.full": without_secrets(call.endpoint),
        "server.address": parts.hostname,
        "server.port": parts.port or (443 if parts.scheme == "https" else 80),
        "http.response.status_code": call.status,
        "error.type": call.error,
        "easyai.service_id": attempt.service_id,
    }
    sdk.span(
        "POST",
        (call.began_at, call.ended_at),
        attributes,
        parent=call.ids,
        ids=(None, call.span_id),
        kind="client",
        error=None if call.error is None else attempt.reason,
    )


def make_publication(sdk: Sdk, publication: Publication, frames: Mapping[int, TraceIds]) -> None:
    """Make the spans of published alerts; `frames` are the traced frames, by alert id."""
    for alert_id, ids in frames.items():
        attributes = {
            "messaging.system": publication.system,
            "messaging.destination.name": publication.destination,
            "messaging.operation.name": "publish",
            "messaging.operation.type": "send",
            "messaging.message.id": str(alert_id),
        }
        name = f"publish {publication.destination}"
        sdk.span(
            name,
            (publication.began_at, publication.ended_at),
            attributes,
            parent=ids,
            kind="producer",
        )
