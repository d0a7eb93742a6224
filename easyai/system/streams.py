"""Makes sure that standard input, output and error exist, and that they never end a process."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Literal, TextIO

import click

from easyai.system.text_encoding import text_encoding


def open_closed_streams() -> None:
    """Lead closed standard streams (``>&-``) to /dev/null.

    Otherwise the next file that is opened would get a closed stream's number, and a log line for
    the terminal would go into the database.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)  # gets the lowest free number: this descriptor
            os.set_inheritable(null, True)
    # Python has None for streams that were closed at its start.
    sys.stdin = sys.stdin or _stream(0, "r")
    sys.stdout = sys.stdout or _stream(1, "w")
    sys.stderr = sys.stderr or _stream(2, "w")


def write_as_the_locale() -> None:
    """Write text in the terminal's encoding; other characters become escapes, never an error.

    UTF-8 mode would write UTF-8 on a terminal that shows GBK.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=text_encoding(), errors="backslashreplace")


def _stream(descriptor: int, mode: Literal["r", "w"]) -> TextIO:
    return os.fdopen(descriptor, mode, encoding="utf-8", closefd=False)


def notice(text: str) -> None:
    """Print a line of a server that starts; the server starts even if its output is closed."""
    with suppress(OSError):
        click.echo(f"easyai: {text}", err=True)
