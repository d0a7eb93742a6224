"""Writes the lines of the child processes to bounded files, and to the terminal if it keeps up."""

from __future__ import annotations

import logging
import os
import queue
import threading
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import cast

from easyai.messages.wording import counted
from easyai.system import modes
from easyai.system.logs import one_line

MAX_BYTES = 10 * 1024 * 1024  # per file; with its backups a child takes 4 times as much
BACKUPS = 3
_MAX_PARTIAL = 64 * 1024  # a "line" without an end is cut here
_NAME_WIDTH = 6  # "easyai", "worker"


class Terminal:
    """Writes lines to a file descriptor from its own thread.

    A terminal that is stopped (Ctrl-S), slow or gone must not hold up the processes whose lines it
    shows. Lines that do not fit are counted and left out.
    """

    def __init__(self, descriptor: int = 1, capacity: int = 5000, encoding: str = "utf-8") -> None:
        self._descriptor = descriptor
        self._encoding = encoding
        self._lines: queue.Queue[bytes | None] = queue.Queue(capacity)
        self._left_out = 0
        self._thread = threading.Thread(target=self._run, name="terminal", daemon=True)
        self._thread.start()

    def print(self, line: str) -> None:
        """Show ``line`` soon; never blocks."""
        if self._left_out:
            left_out = counted(self._left_out, "line")
            line = f"{_prefix('easyai')}{left_out} left out, see the files\n{line}"
        try:
            self._lines.put_nowait(line.encode(self._encoding, "backslashreplace") + b"\n")
        except queue.Full:
            self._left_out += 1
        else:
            self._left_out = 0

    def close(self, timeout_sec: float = 1.0) -> None:
        """Show the waiting lines, for at most ``timeout_sec``."""
        try:
            self._lines.put(None, timeout=timeout_sec)
        except queue.Full:
            return
        self._thread.join(timeout_sec)

    def _run(self) -> None:
        gone = False
        while (data := self._lines.get()) is not None:
            while data and not gone:
                try:
                    data = data[os.write(self._descriptor, data) :]
                except OSError:
                    # The reader has gone (a closed window, `| head`); the files have every line.
                    gone = True


class _LogFile(RotatingFileHandler):
    """A rotating file that only our user and group may read."""

    def _open(self) -> TextIOWrapper:
        opened = open(self.baseFilename, self.mode, encoding=self.encoding, opener=modes.opener)  # noqa: SIM115
        return cast(TextIOWrapper, opened)


class ChildLogs:
    """Splits the output of each child into lines, for its file ``<name>.log`` and the terminal."""

    def __init__(self, folder: Path, terminal: Terminal) -> None:
        # A full disk must neither end the supervising process nor fill the terminal with
        # tracebacks. The handler opens its file again with a later line.
        logging.raiseExceptions = False
        self._folder = folder
        self._terminal = terminal
        self._files: dict[str, _LogFile] = {}
        self._partial: dict[str, bytes] = {}
        self._handler("easyai")  # before any thread: only this file has several writers

    def path(self, name: str) -> Path:
        """The log file of the child ``name``."""
        return self._folder / f"{name}.log"

    def output(self, name: str, data: bytes) -> None:
        """Log the output of the child ``name``."""
        *lines, rest = (self._partial.pop(name, b"") + data).split(b"\n")
        if len(rest) > _MAX_PARTIAL:
            lines.append(rest)
            rest = b""
        if rest:
            self._partial[name] = rest
        for line in lines:
            text = one_line(line.decode("utf-8", "replace"))
            self.file(name, text)
            self._terminal.print(_prefix(name) + text)

    def log(self, text: str) -> None:
        """Log a line of easyai itself, and show it."""
        text = one_line(text)
        self.file("easyai", text)
        self._terminal.print(text)

    def file(self, name: str, text: str) -> None:
        """Write a line to a file only."""
        self._handler(name).handle(logging.makeLogRecord({"msg": one_line(text)}))

    def close(self) -> None:
        """Write unfinished lines and close everything."""
        for name in list(self._partial):
            self.output(name, b"\n")
        for handler in self._files.values():
            handler.close()
        self._terminal.close()

    def _handler(self, name: str) -> _LogFile:
        if name not in self._files:
            modes.keep_others_out(self.path(name))
            self._files[name] = _LogFile(
                self.path(name),
                maxBytes=MAX_BYTES,
                backupCount=BACKUPS,
                encoding="utf-8",
                delay=True,
            )
            if name == "easyai":
                self._files[name].setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        return self._files[name]


def _prefix(name: str) -> str:
    return f"{name:<{_NAME_WIDTH}} | "
