"""Where messages to people arrive: a real mail server and a real webhook, on loopback."""

from __future__ import annotations

import email
import email.policy
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tests.support.ports import free_port

USER, PASSWORD = "easyai", "correct-horse"


class MailServer:
    """An SMTP server that wants a login and keeps its mails."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.port = free_port()
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            authenticator=self._authenticate,
            auth_require_tls=False,
        )

    def url(self, password: str = PASSWORD) -> str:
        """The Apprise URL of a person with a mailbox here."""
        where = f"127.0.0.1:{self.port}"
        return (
            f"mailto://{USER}:{password}@{where}?from=easyai@example.com&to=ops@example.com"
            "&mode=insecure"
        )

    @staticmethod
    def _authenticate(*arguments: Any) -> AuthResult:
        login = arguments[-1]
        right = (login.login, login.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)  # not handled: the server answers 535

    async def handle_DATA(self, _: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep a mail of a client that has logged in."""
        if not session.authenticated:
            return "530 5.7.0 Authentication required"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"

    def __enter__(self) -> MailServer:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()


class Webhook:
    """A web server whose answer is `status`, and the bodies posted to it."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._server = server
        self.posted: list[dict[str, Any]] = []
        self.status = 200
        self.may_answer = threading.Event()
        self.may_answer.set()

    def url(self, path: str = "hook") -> str:
        """Its Apprise URL."""
        return f"json://127.0.0.1:{self._server.server_port}/{path}"


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A running web server."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.may_answer.wait(20)
            hook.posted.append(json.loads(body))
            self.send_response(hook.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hook = Webhook(server)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield hook
    hook.may_answer.set()
    server.shutdown()
    server.server_close()
    thread.join()
