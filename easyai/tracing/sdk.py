"""OpenTelemetry's SDK, configured by its variables; imported only if traces are on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from easyai import __version__
from easyai.system.identity import holder
from easyai.system.log_throttle import LogThrottle
from easyai.tracing.ids import TraceIds
from easyai.tracing.variables import exporter_name, has_service_name

log = logging.getLogger(__name__)

_CLOSE_SEC: Final = 2.0
_TAKEN: Final = (Decision.RECORD_AND_SAMPLE,)
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)

KINDS: Final = {
    "internal": SpanKind.INTERNAL,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
}


class _PresetIds(RandomIdGenerator):
    """Random ids, or the ids that are set for the next span of this thread."""

    def __init__(self) -> None:
        self.next = threading.local()

    def generate_trace_id(self) -> int:
        preset: int | None = getattr(self.next, "trace_id", None)
        return preset or super().generate_trace_id()

    def generate_span_id(self) -> int:
        preset: int | None = getattr(self.next, "span_id", None)
        return preset or super().generate_span_id()


class Sdk:
    """Samples traces, and makes spans whose times, ids and parents are known already."""

    def __init__(self) -> None:
        self._ids = _PresetIds()
        self._provider = TracerProvider(
            resource=Resource.create(_resource()), id_generator=self._ids, shutdown_on_exit=False
        )
        _limit_log()
        self._provider.add_span_processor(BatchSpanProcessor(_exporter()))
        self._tracer = self._provider.get_tracer("easyai", __version__)
        self._sampler = self._provider.sampler

    def sampled(self, trace_id: int) -> bool:
        """Whether OTEL_TRACES_SAMPLER takes this trace; the same in every process."""
        return self._sampler.should_sample(None, trace_id, "frame").decision in _TAKEN

    def span(
        self,
        name: str,
        times: tuple[float, float],
        attributes: Mapping[str, Any],
        *,
        parent: TraceIds | None = None,
        ids: tuple[int | None, int | None] = (None, None),
        kind: str = "internal",
        links: Sequence[TraceIds] = (),
        error: str | None = None,
    ) -> TraceIds:
        """Make a span from its begin to its end (Unix seconds); returns its ids.

        `ids` are the ids of trace and span, each None for a random id.
        """
        self._ids.next.trace_id, self._ids.next.span_id = ids
        try:
            made = self._tracer.start_span(
                name,
                context=_inside(parent),
                kind=KINDS[kind],
                attributes={key: value for key, value in attributes.items() if value is not None},
                links=[Link(_context(linked)) for linked in links],
                start_time=_ns(times[0]),
            )
        finally:
            self._ids.next.trace_id = self._ids.next.span_id = None
        if error is not None:
            made.set_status(Status(StatusCode.ERROR, error or None))
        made.end(_ns(max(times)))
        own = made.get_span_context()
        return TraceIds(own.trace_id, own.span_id)

    def close(self) -> None:
        """Send waiting spans for 2 s at most: the end must not wait for a dead collector."""
        ending = threading.Thread(target=self._provider.shutdown, name="traces-end", daemon=True)
        ending.start()
        ending.join(_CLOSE_SEC)


def _inside(parent: TraceIds | None) -> Any:
    span = trace.INVALID_SPAN if parent is None else trace.NonRecordingSpan(_context(parent))
    return trace.set_span_in_context(span)


def _context(ids: TraceIds) -> SpanContext:
    return SpanContext(ids.trace_id, ids.root_span_id, is_remote=True, trace_flags=_SAMPLED)


def _ns(moment: float) -> int:
    return int(moment * 1_000_000_000)


def _resource() -> dict[str, str]:
    named = {} if has_service_name() else {"service.name": "easyai"}
    return {**named, "service.version": __version__, "service.instance.id": holder()}


def _exporter() -> SpanExporter:
    if exporter_name() == "console":
        return ConsoleSpanExporter()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


class _Seldom(logging.Handler):
    """Logs a record of OpenTelemetry's once a minute: a collector may be down for weeks."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._throttle = LogThrottle()

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record without its traceback, unless another was logged just before."""
        if self._throttle.due():
            log.warning("traces are not sent, frames go on: %s", record.getMessage())


def _limit_log() -> None:
    theirs = logging.getLogger("opentelemetry")
    theirs.propagate = False
    theirs.handlers = [_Seldom()]
