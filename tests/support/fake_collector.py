"""A fake collector of OpenTelemetry: a real OTLP/HTTP receiver that only keeps the spans.

The real collector is a program that no package of Debian's or PyPI's has.
"""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.waiting import wait_until


@dataclass(frozen=True)
class Received:
    """A span as it came over the wire."""

    trace_id: str
    span_id: str
    parent: str
    name: str
    kind: int
    begin: float  # Unix seconds
    end: float
    attributes: dict[str, Any]
    links: tuple[tuple[str, str], ...]
    status: int
    resource: dict[str, Any]


@dataclass
class FakeCollector:
    """Receives spans at `endpoint`; its answers have `status` and `delay` (seconds)."""

    status: int = 200
    delay: float = 0.0
    spans: list[Received] = field(default_factory=list)
    requests: int = 0
    port: int = 0

    def __enter__(self) -> FakeCollector:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.requests += 1
                time.sleep(collector.delay)
                if collector.status == 200 and self.path == "/v1/traces":
                    collector.spans += _decoded(body)
                self.send_response(collector.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def endpoint(self) -> str:
        """The value of OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self.port}"

    def traces(self) -> dict[str, list[Received]]:
        """The spans by trace, in order of their beginning."""
        found: dict[str, list[Received]] = {}
        for span in sorted(self.spans, key=lambda span: span.begin):
            found.setdefault(span.trace_id, []).append(span)
        return found

    def wait_for(self, what: str, enough: Callable[[], Any], timeout: float = 40.0) -> Any:
        """Wait until enough spans were received."""
        names = [span.name for span in self.spans]
        return wait_until(enough, timeout, f"{what}; received: {names}")


def _decoded(body: bytes) -> list[Received]:
    request = ExportTraceServiceRequest.FromString(body)
    return [
        Received(
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.name,
            span.kind,
            span.start_time_unix_nano / 1e9,
            span.end_time_unix_nano / 1e9,
            _values(span.attributes),
            tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
            span.status.code,
            _values(resource.resource.attributes),
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _values(attributes: Any) -> dict[str, Any]:
    return {
        attribute.key: getattr(attribute.value, attribute.value.WhichOneof("value"))
        for attribute in attributes
    }
