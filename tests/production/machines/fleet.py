"""Algorithm services on a machine of their own."""

from __future__ import annotations

from collections.abc import Sequence

from tests.faults.fleet import Fleet
from tests.production.machines.network import Machine


class RemoteFleet(Fleet):
    """As tests/faults has it; reached by the address of its machine."""

    def __init__(self, machine: Machine, server: str, task_types: Sequence[str], **options: object):
        self._machine = machine
        self.host = machine.address
        super().__init__(server, task_types, **options)  # type: ignore[arg-type]

    def command(self) -> list[str]:
        """The program on its machine."""
        return self._machine.command(*super().command())
