"""``easyai alive``: a process works while its row of this machine is fresh."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator, Sequence
from typing import ClassVar

import pytest

from easyai.cli import alive_command
from easyai.db import processes
from easyai.system.identity import home
from tests.support.installation import Installation

ALL = ("api", "beat", "watchdog", "worker")


def _rows(installation: Installation, kinds: Sequence[str], ago_sec: float, where: str) -> None:
    with installation.db.write() as conn:
        for kind in kinds:
            processes.beat(conn, kind, "h", 1, time.time() - ago_sec, home=where)


@pytest.mark.parametrize(
    ("kinds", "ago_sec", "where", "code", "shown"),
    [
        (ALL, 1.0, home(), 0, "worker: works"),
        (ALL[:3], 1.0, home(), 1, "worker: not running"),
        (ALL, 100.0, home(), 1, "worker: silent for 100 s"),
        (ALL, 1.0, "elsewhere", 1, "worker: not running"),
    ],
)
def test_alive_checks_all_four_kinds_on_this_machine_by_default(
    installation: Installation,
    kinds: Sequence[str],
    ago_sec: float,
    where: str,
    code: int,
    shown: str,
) -> None:
    _rows(installation, kinds, ago_sec, where)
    result = installation.run("alive")
    assert result.exit_code == code
    assert shown in result.stdout


def test_alive_checks_only_the_named_kinds(installation: Installation) -> None:
    _rows(installation, ("worker",), 1.0, home())
    assert installation.run("alive", "worker").exit_code == 0
    assert installation.run("alive", "worker", "api").exit_code == 1
    assert installation.run("alive", "cook").exit_code == 2


class _FakeServer(socketserver.BaseRequestHandler):
    """A fake: it lets its clients in as PostgreSQL does, and answers none of their statements.

    So does a pooler whose server has no connection left, or a server whose disk hangs.
    """

    clients: ClassVar[list[socket.socket]] = []

    def handle(self) -> None:
        self.clients.append(self.request)
        while received := self.request.recv(4096):
            if received[4:8] in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"):
                self.request.sendall(b"N")  # neither TLS nor GSS
            elif received[4:8] == b"\x00\x03\x00\x00":  # the start of a session
                self.request.sendall(b"R\0\0\0\x08\0\0\0\0" + b"Z\0\0\0\x05I")


@pytest.fixture
def silent_database() -> Iterator[str]:
    """The URL of a database server that never answers a statement."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _FakeServer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"postgresql+psycopg://easyai@127.0.0.1:{server.server_address[1]}/easyai"
        server.shutdown()
        thread.join()
        for client in _FakeServer.clients:
            client.shutdown(socket.SHUT_RDWR)
        _FakeServer.clients.clear()
        for other in threading.enumerate():
            if other.name == alive_command.THREAD:
                other.join(10)


def test_a_database_that_never_answers_is_no_reason_to_restart(
    installation: Installation, silent_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2 before the probe's own limit, at which the probe counts as failed."""
    monkeypatch.setenv("EASYAI_DATABASE_URL", silent_database)
    monkeypatch.setattr(alive_command, "DEADLINE_SEC", 0.3)
    result = installation.run("alive", "worker")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "the database did not answer within 0.3 s" in result.stderr
