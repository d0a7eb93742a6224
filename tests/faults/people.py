"""The recipients of alarms: a webhook that records every message with its time."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Message:
    """A notification that the webhook received."""

    at: float  # Unix seconds
    title: str
    text: str


class People:
    """Listens on loopback; `url` is for ``notify_urls``."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        handler = type("Handler", (_Handler,), {"people": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The Apprise URL of this webhook."""
        return f"json://127.0.0.1:{self._server.server_port}/"

    def titled(self, title: str, since: float) -> list[Message]:
        """The messages since then with this title, in the order they came."""
        # The rest of a title is the same in Chinese.
        return [
            message
            for message in list(self.messages)
            if message.at >= since and message.title.partition(" / ")[0] == title
        ]

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    people: People

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.people.messages.append(Message(time.time(), body["title"], body["message"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
