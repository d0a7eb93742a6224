"""What is noted of a frame beside the work: one call, one turn; plain values, no OpenTelemetry."""

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
    """One request of a frame whose trace is taken; times are Unix seconds of the database."""

    ids: TraceIds
    leased_at: float
    began_at: float
    endpoint: str
    span_id: int = field(default_factory=lambda: secrets.randbits(64) or 1)
    ended_at: float = 0.0
    status: int | None = None
    error: str | None = None  # the class of what went wrong

    def end(self, now: float, kind: str) -> None:
        """The answer is there, or never comes; `kind` is that of its verdict."""
        self.ended_at = now
        if self.status is not None and self.status >= _FIRST_ERROR:
            self.error = str(self.status)
        elif kind in _NO_ANSWER:
            self.error = kind

    @property
    def headers(self) -> dict[str, str]:
        """What tells the service of the trace."""
        return {"traceparent": traceparent(self.ids.trace_id, self.span_id)}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A frame's attempt that a turn has settled."""

    frame_id: int
    key: str
    task_type: str
    task_id: str
    service_id: str
    waited_since: float  # its last failure; 0: since it was found
    tries: int
    state: str
    outcome: str
    reason: str
    call: Call


@dataclass(frozen=True, slots=True)
class Turn:
    """A transaction that settled attempts of traced frames, among others."""

    began_at: float
    ended_at: float
    settled: int  # all that it settled
    leased: int
    attempts: Sequence[Attempt]

    @property
    def frames(self) -> int:
        """How many frames have an attempt in it."""
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
        """How many frames it is about: one for each alert."""
        return len(self.alert_ids)


def without_secrets(url: str) -> str:
    """An address without what may be a password: user, query and fragment."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
