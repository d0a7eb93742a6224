"""The records of which traces are made: calls, attempts and transactions; without OpenTelemetry."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from easyai.tracing.ids import TraceIds, traceparent

_FIRST_ERROR: Final = 400
_NO_ANSWER: Final = ("unreachable", "timeout", "broken")


@dataclass(slots=True)
class Call:
    """A request of a traced frame; times are Unix seconds by the database's clock."""

    ids: TraceIds
    leased_at: float
    began_at: float
    endpoint: str
    span_id: int = field(default_factory=lambda: secrets.randbits(64) or 1)
    ended_at: float = 0.0
    status: int | None = None
    error: str | None = None  # the class of the error

    def end(self, now: float, kind: str) -> None:
        """Record the end of the call, with or without an answer; `kind` is the verdict's."""
        self.ended_at = now
        if self.status is not None and self.status >= _FIRST_ERROR:
            self.error = str(self.status)
        elif kind in _NO_ANSWER:
            self.error = kind

    @property
    def headers(self) -> dict[str, str]:
        """The request headers that carry the trace."""
        return {"traceparent": traceparent(self.ids.trace_id, self.span_id)}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A frame's attempt that a transaction has settled."""

    frame_id: int
    key: str
    task_type: str
    task_id: str
    service_id: str
    waited_since: float  # the last failure; 0: since the frame was found
    tries: int
    state: str
    outcome: str
    reason: str
    call: Call


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction that settled attempts of traced frames, among others."""

    began_at: float
    ended_at: float
    settled: int  # all attempts that it settled
    leased: int
    attempts: Sequence[Attempt]

    @property
    def frames(self) -> int:
        """How many traced frames have an attempt in the transaction."""
        return len(self.attempts)


@dataclass(frozen=True, slots=True)
class Publication:
    """Alerts that the bus has acknowledged."""

    began_at: float
    ended_at: float
    alert_ids: Sequence[int]
    system: str  # kafka, rabbitmq or redis
    destination: str

    @property
    def frames(self) -> int:
        """How many frames the alerts are of: each alert has its own frame."""
        return len(self.alert_ids)


def without_secrets(url: str) -> str:
    """A URL without the parts that may hold a password: user, query and fragment."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
