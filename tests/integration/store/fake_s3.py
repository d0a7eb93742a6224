"""Answers that a real object store gives only on a bad day; a fake, and no store at all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from pydantic import SecretStr

from easyai.settings.schema import Minio


@dataclass(frozen=True)
class Answer:
    """Status, body and headers of an answer."""

    status: int
    body: str = ""
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/xml"),)


def failure(status: int, code: str) -> Answer:
    """An error as S3 sends it."""
    return Answer(status, f"<Error><Code>{code}</Code><Message>words</Message></Error>")


EMPTY_LISTING = Answer(200, "<ListBucketResult><Name>frames</Name></ListBucketResult>")


class FakeS3:
    """An HTTP server that asks a function for each answer and remembers each request."""

    def __init__(self, answer: Callable[[str, str], Answer]) -> None:
        self.requests: list[tuple[str, str]] = []  # method and path with query
        # The conditions of the last request, known before its answer.
        self.if_match = self.if_none_match = ""
        self._answer = answer
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def settings(self, use_ssl: bool = False) -> Minio:
        """The settings to use this server."""
        return Minio(
            endpoint=f"127.0.0.1:{self._server.server_port}",
            bucket="frames",
            access_key="camera",
            secret_key=SecretStr("topsecret"),
            use_ssl=use_ssl,
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                fake.requests.append((self.command, self.path))
                fake.if_match = self.headers.get("If-Match", "")
                fake.if_none_match = self.headers.get("If-None-Match", "")
                answer = fake._answer(self.command, self.path)
                body = answer.body.encode()
                self.send_response(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                if "Content-Length" in dict(answer.headers):
                    self.close_connection = True  # the length of another body
                else:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_PUT = do_DELETE = _serve  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        return Handler

    def __enter__(self) -> FakeS3:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()
