"""The environment in which ``easyai up`` is started, as a row changes it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.needs import MissingError

USER: int = 54321  # has no entry in /etc/passwd


@dataclass
class Place:
    """An environment; a row changes it before the start."""

    folder: Path  # settings, frames and data lie below it
    scratch: Path  # for other files of the row
    stack: ExitStack  # undone after the stop
    environment: dict[str, str] = field(default_factory=dict)
    unset: list[str] = field(default_factory=list)
    prefix: list[str] = field(default_factory=list)  # before the command of easyai
    settings: str = ""
    user: int | None = None  # whose the folder is
    host: str = "127.0.0.1"  # where the API is reached
    task_type: str = "人数统计"
    start_sec: float = 90.0  # how long the start may take
    refused: str = ""  # words with which easyai refuses to start; '': it starts
    ready: list[Callable[[], None]] = field(default_factory=list)  # called when it is ready
    waiting: list[Callable[[], None]] = field(default_factory=list)  # … and the picture is put

    def shell(self, before: str, redirect: str = "") -> None:
        """Run shell commands in the process that becomes easyai."""
        self.prefix += ["sh", "-c", f'{before}\nexec "$@" {redirect}', "sh"]

    def run_as(self, user: int) -> None:
        """Give the folder to a user without root's rights, who starts easyai."""
        need_root()
        self.user = user
        self._open_interpreter()
        self.prefix += ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]

    def _open_interpreter(self) -> None:
        """Where the interpreter lies in root's home, let easyai see just that part of it."""
        path = Path(sys.executable).resolve()
        closed = [folder for folder in path.parents if not folder.stat().st_mode & 0o001]
        if not closed:
            return
        home = closed[0]
        part = home / path.relative_to(home).parts[0]
        aside = self.scratch / "interpreter"
        aside.mkdir()
        commands = (
            f"mount --bind {part} {aside}",
            f"mount -t tmpfs -o mode=755 tmpfs {home}",
            f"mkdir {part}",
            f"mount --bind {aside} {part}",
            'exec "$@"',
        )
        self.prefix += ["unshare", "--mount", "sh", "-ec", "; ".join(commands), "sh"]

    def run(self, *command: str, cwd: Path | None = None) -> None:
        """Run a command; raises MissingError with its words where the machine cannot."""
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
        if done.returncode:
            raise MissingError(shlex.join(command), done.stderr.strip())

    def mount(self, target: Path, *options: str) -> Path:
        """Mount something at a folder until the row ends; the folder."""
        need_root()
        target.mkdir(parents=True, exist_ok=True)
        self.run("mount", *options, str(target))
        self.stack.callback(
            subprocess.run, ["umount", "--lazy", str(target)], check=False, capture_output=True
        )
        return target


def need_root() -> None:
    """Raise MissingError for anybody but root."""
    if os.geteuid() != 0:
        raise MissingError("root's rights", "run make environments as root")


def need(paths: Sequence[Path], what: str) -> Path:
    """The first path that is there; raises MissingError."""
    for path in paths:
        if path.exists():
            return path
    raise MissingError(what, "this kernel has none")
