"""A part of easyai started by itself, as in production: API, worker, beat, Flower."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import easyai
from tests.support.server_process import ServerProcess


def easyai_command(*arguments: str) -> list[str]:
    """``easyai …``, installed or not."""
    return [sys.executable, "-m", "easyai.cli.main", *arguments]


def celery_command(*arguments: str) -> list[str]:
    """``celery -A easyai …``."""
    return [sys.executable, "-m", "celery", "--quiet", "-A", "easyai", *arguments]


def clean_environment(own: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without its EASYAI_… variables, and ``own``."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("EASYAI_")}
    return clean | {"PYTHONPATH": str(Path(easyai.__file__).parents[1])} | dict(own)


def begin(
    command: Sequence[str], variables: Mapping[str, str], folder: Path, log: Path
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own; its output is added to `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=variables,
            start_new_session=True,
        )


def run_to_end(
    command: list[str], own: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself within 30 s."""
    return subprocess.run(
        command,
        env=clean_environment(own),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


class PartProcess(ServerProcess):
    """A process in a folder of its own; ``ready`` returns whether it works."""

    name = "part"

    def __init__(
        self,
        command: list[str],
        environment: Mapping[str, str],
        ready: Callable[[PartProcess], bool],
    ) -> None:
        super().__init__()
        self._command = command
        self._own = dict(environment)
        self._is_ready = ready

    def command(self) -> list[str]:
        """As given."""
        return self._command

    def environment(self) -> dict[str, str]:
        """As given, added to a clean environment."""
        return clean_environment(self._own)

    def answers(self) -> bool:
        """Whether its log or its answers show that it works."""
        return self._is_ready(self)

    def all_output(self) -> str:
        """Everything the part has written."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""


def worker(name: str, environment: Mapping[str, str], *options: str) -> PartProcess:
    """``celery -A easyai worker`` under a node name of its own."""
    command = celery_command("worker", "-l", "INFO", "-n", f"{name}@%h", *options)
    return PartProcess(command, environment, lambda part: " ready." in part.all_output())
