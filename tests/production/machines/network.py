"""Machines in network namespaces: each with an address of its own, joined by a switch.

Nothing leads out of it: there is no default route, and no link to the machine that runs the tests.
"""

from __future__ import annotations

import ctypes
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

from tests.support.needs import MissingError, program
from tests.support.waiting import wait_until

PREFIX = "10.99.0"
_NAMESPACES = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_INSTALL = "run as root: scripts/install-engine"
# A host's name belongs to who it is (easyai/system/identity.py): each machine has its own.
_NAMED = 'echo "$0" >/proc/sys/kernel/hostname && exec "$@"'
# Our program must forward whole packets with their checksums.
_WHOLE_PACKETS = ("tx", "off", "tso", "off", "gso", "off", "gro", "off")


class Machine:
    """A machine: a name, an address, and commands that run on it."""

    def __init__(self, network: Network, name: str, number: int) -> None:
        self.name = name
        self.address = f"{PREFIX}.{number}"
        self.namespace = f"{network.mark}-{name}"
        self.port = f"port-{number}"  # of the switch
        self._network = network

    def command(self, *command: str) -> list[str]:
        """The command as it is run on this machine; its process id is the command's own."""
        place = ["ip", "netns", "exec", self.namespace, "unshare", "--uts"]
        return [*place, "sh", "-c", _NAMED, self.name, *command]

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread, and its children, are on the machine's network."""
        with Path("/proc/thread-self/ns/net").open() as before:
            _enter(_NAMESPACES / self.namespace)
            try:
                yield
            finally:
                _set_namespace(before.fileno())

    def cut_off(self) -> None:
        """Pull the cable out of the switch: packets vanish without an error."""
        self._network.switch("link", "set", self.port, "nomaster")

    def join(self) -> None:
        """Put the cable back."""
        self._network.switch("link", "set", self.port, "master", "switch")


class Network:
    """Machines and the switch between them; leaving the block removes them all."""

    def __init__(self) -> None:
        self.mark = f"easyai-{os.getpid()}-{secrets.token_hex(2)}"
        self._stack = ExitStack()
        self._machines: list[Machine] = []

    def switch(self, *arguments: str) -> None:
        """A command of `ip` on the switch."""
        _ip("-n", f"{self.mark}-switch", *arguments)

    def machine(self, name: str, number: int) -> Machine:
        """A new machine, the number is the last part of its address."""
        machine = Machine(self, name, number)
        self._namespace(machine.namespace)
        self.switch("link", "add", machine.port, "type", "veth", "peer", "name", "eth0", "netns",
                    machine.namespace)  # fmt: skip
        for command in (
            ("address", "add", f"{machine.address}/24", "dev", "eth0"),
            ("link", "set", "lo", "up"),
            ("link", "set", "eth0", "up"),
        ):
            _ip("-n", machine.namespace, *command)
        _run("ip", "netns", "exec", machine.namespace, "ethtool", "-K", "eth0", *_WHOLE_PACKETS)
        self.switch("link", "set", machine.port, "up")
        machine.join()
        return machine

    @contextmanager
    def slow(self, machine: Machine, delay_ms: int, loss_percent: float) -> Iterator[None]:
        """Delay each packet from and to a machine, and lose some of them.

        `tc netem` would do it in the kernel; many kernels lack it, so a program does it (wire.py).
        """
        number = machine.port.partition("-")[2]
        here, there = f"wire-{number}", f"end-{number}"
        self.switch("link", "add", here, "type", "veth", "peer", "name", there)
        for name in (here, there):
            self.switch("link", "set", name, "up")
        machine.cut_off()
        self.switch("link", "set", there, "master", "switch")
        options = [machine.port, here, str(delay_ms), str(loss_percent)]
        wire = subprocess.Popen(
            ["ip", "netns", "exec", f"{self.mark}-switch", sys.executable,
             str(Path(__file__).with_name("wire.py")), *options],
            stdout=subprocess.PIPE,
        )  # fmt: skip
        try:
            assert wire.stdout is not None
            assert wire.stdout.readline() == b"passes\n"
            yield
        finally:
            wire.terminate()
            wire.communicate(timeout=10)
            self.switch("link", "delete", here)
            machine.join()

    def _namespace(self, name: str) -> None:
        _ip("netns", "add", name)
        self._stack.callback(_ip, "netns", "delete", name)

    def __enter__(self) -> Network:
        require()
        self._namespace(f"{self.mark}-switch")
        self.switch("link", "add", "switch", "type", "bridge", "forward_delay", "0")
        self.switch("link", "set", "switch", "up")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()


def require() -> None:
    """Raise MissingError where no namespaces can be made."""
    if os.geteuid() != 0:
        raise MissingError("root's rights, for network namespaces", "run as root")
    for name, package in (("ip", "iproute2"), ("ethtool", "ethtool"), ("unshare", "util-linux")):
        try:
            program(name, package)
        except MissingError:
            raise MissingError(package, _INSTALL) from None
    _remove_left_over()


def _remove_left_over() -> None:
    """Namespaces of a run that was killed: the process that they are named after has ended."""
    for made in re.finditer(r"^easyai-(\d+)-\S+", _run("ip", "netns", "list"), re.MULTILINE):
        if not Path("/proc", made[1]).exists():
            _ip("netns", "delete", made[0])


def round_trip_ms(machine: Machine, address: str) -> float:
    """How long a packet takes from a machine to an address and back: the quickest of some."""
    with machine.entered():
        return min(
            wait_until(lambda: _connect_ms(address), 20, f"{address} is reached", 0.0)
            for _ in range(5)
        )


def _connect_ms(address: str) -> float | None:
    """The time of a refused connection; None when a packet was lost on the way."""
    began = time.monotonic()
    with socket.socket() as probe:
        probe.settimeout(0.9)  # TCP would send again after a second
        try:
            probe.connect((address, 1))
        except ConnectionRefusedError:
            return (time.monotonic() - began) * 1000
        except OSError:
            return None
    return None


def _enter(namespace: Path) -> None:
    with namespace.open() as file:
        _set_namespace(file.fileno())


def _set_namespace(descriptor: int) -> None:
    # os.setns comes with Python 3.12.
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _ip(*arguments: str) -> str:
    return _run("ip", *arguments)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
    return done.stdout
