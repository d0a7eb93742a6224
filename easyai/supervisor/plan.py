"""The plan that ``easyai up`` passes to the supervising process."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from easyai.supervisor.running import PROGRAM


class Plan(NamedTuple):
    """The values that `easyai.cli.up_command` passes through the exec as arguments."""

    data_dir: Path
    host: str  # where to ask the API whether it is ready
    port: int
    ready_line: str
    hang_sec: float  # a child that fell silent for longer is ended

    def command(self) -> list[str]:
        """The command line of the supervising process."""
        values = (
            str(self.data_dir),
            self.host,
            str(self.port),
            self.ready_line,
            str(self.hang_sec),
        )
        return [sys.executable, "-m", PROGRAM, *values]

    @staticmethod
    def parse(arguments: list[str]) -> Plan:
        """Read the arguments that `command` made."""
        data_dir, host, port, ready_line, hang_sec = arguments
        return Plan(Path(data_dir), host, int(port), ready_line, float(hang_sec))
