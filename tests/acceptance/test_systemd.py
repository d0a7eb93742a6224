"""Under systemd (Type=notify, NotifyAccess=main, WatchdogSec) every process reports its state."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.part_process import (
    PartProcess,
    celery_command,
    easyai_command,
    run_to_end,
)
from tests.support.ports import free_port
from tests.support.waiting import wait_until

PARTS = {
    "api": easyai_command("api"),
    "watchdog": easyai_command("watchdog"),
    "worker": celery_command("worker", "-l", "INFO", "-n", "notifying@%h"),
    "beat": celery_command("beat", "-l", "INFO", "--pidfile", ""),
}
_CREDENTIALS = struct.Struct("iII")


class Systemd:
    """The socket of a unit: its datagrams, with the process that sent each."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self.heard: list[tuple[int, str]] = []  # pid and words

    def listen(self) -> list[tuple[int, str]]:
        """Every message so far."""
        while True:
            try:
                data, extra, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(12))
            except BlockingIOError:
                return self.heard
            self.heard.append((_CREDENTIALS.unpack(extra[0][2])[0], data.decode()))

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    """Who started the part."""
    made = Systemd(tmp_path / "notify")
    yield made
    made.close()


@pytest.mark.parametrize("name", PARTS)
def test_each_process_sends_ready_then_watchdog_pings_then_stopping_to_systemd(
    tmp_path: Path, systemd: Systemd, name: str
) -> None:
    environment = {
        "EASYAI_DATA_DIR": str(tmp_path / "data"),
        "EASYAI_FRAME_EXTRACTOR__OUTPUT_DIR": str(tmp_path / "snapshots"),
        "EASYAI_PORT": str(free_port()),
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
    }
    upgraded = run_to_end(easyai_command("db", "upgrade"), environment, tmp_path)
    assert upgraded.returncode == 0, upgraded.stderr
    part = PartProcess(PARTS[name], environment, lambda _: bool(systemd.listen()))
    try:
        part.start()
        wait_until(lambda: len(systemd.listen()) >= 4, 20, f"{name} reports that it works")
        part.stop()
    finally:
        part.close()
    senders = {pid for pid, _ in systemd.listen()}
    words = [message for _, message in systemd.heard]
    assert len(senders) == 1, "NotifyAccess=main: the process that systemd started, alone"
    assert words[0].startswith("READY=1")
    assert all("WATCHDOG=1" in message for message in words[:4])
    assert words[-1] == "STOPPING=1"
