"""No other program takes a port that a test has drawn, even while its server is down."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from tests.support.ports import HeldPort, free_port, release_ports

_GRAB = """
import socket, sys
with socket.socket() as grabber:
    grabber.bind(("127.0.0.1", int(sys.argv[1])))
    grabber.listen()
"""


def _grabbed_by_another_program(port: int) -> bool:
    done = subprocess.run(
        [sys.executable, "-c", _GRAB, str(port)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 or "Address already in use" in done.stderr
    return done.returncode == 0


def test_port_between_two_servers_cannot_be_taken_by_another_program() -> None:
    port = free_port()
    assert not _grabbed_by_another_program(port), "before the server has started"
    for _ in range(2):
        with socket.create_server(("127.0.0.1", port)):
            socket.create_connection(("127.0.0.1", port), 5).close()
        assert not _grabbed_by_another_program(port), "while the server is down"


def test_port_without_its_server_refuses_connections() -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", free_port()), 5)


def test_released_port_is_free_again() -> None:
    held = HeldPort()
    held.release()
    drawn = free_port()
    release_ports()
    assert _grabbed_by_another_program(held.number)
    assert _grabbed_by_another_program(drawn)
