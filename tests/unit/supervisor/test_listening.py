"""The sockets of the API."""

from __future__ import annotations

import errno
import socket

import pytest

from easyai.errors import SettingsError
from easyai.supervisor.listening import check_listening, open_sockets
from tests.support.ports import free_port


def _reached(port: int, host: str) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except ConnectionRefusedError:
        return False


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("", ["127.0.0.1", "::1"]),
        ("::", ["127.0.0.1", "::1"]),
        ("0.0.0.0", ["127.0.0.1"]),
        ("127.0.0.1", ["127.0.0.1"]),
        ("::1", ["::1"]),
    ],
)
def test_host_address_listens_on_its_family_and_the_wildcard_on_both(
    host: str, reached: list[str]
) -> None:
    port = free_port()
    sockets = open_sockets(host, port)
    for listener in sockets:
        listener.listen()
    assert [there for there in ("127.0.0.1", "::1") if _reached(port, there)] == reached
    for listener in sockets:
        listener.close()


def test_wildcard_listens_on_ipv4_alone_where_ipv6_is_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = socket.socket.bind

    def bind(self: socket.socket, address: tuple[str, int]) -> None:
        if self.family == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        original(self, address)

    monkeypatch.setattr(socket.socket, "bind", bind)
    (only,) = open_sockets("::", free_port())
    with only:
        assert only.family == socket.AF_INET
    with pytest.raises(SettingsError, match=r"\[::1\]"):
        open_sockets("::1", free_port())


def test_ipv4_port_in_use_is_reported_for_the_wildcard() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert "[::]" in str(check_listening("::", port))
