"""Standard input, output and error: there, whoever started us, and never a reason to end."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Literal, TextIO

import click

from easyai.system.encoding import text_encoding


def open_closed_streams() -> None:
    """Lead closed standard streams (``>&-``) to /dev/null.

    The next file that is opened would get the number of a closed one: a log line for the terminal
    would go into the database.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
            os.set_inheritable(null, True)
    # Python has none for those that were closed.
    sys.stdin = sys.stdin or _stream(0, "r")
    sys.stdout = sys.stdout or _stream(1, "w")
    sys.stderr = sys.stderr or _stream(2, "w")


def write_as_the_locale() -> None:
    """Write text as the terminal shows it; what it cannot show becomes an escape, never an error.

    UTF-8 mode would write UTF-8 on a terminal that shows GBK.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=text_encoding(), errors="backslashreplace")


def _stream(descriptor: int, mode: Literal["r", "w"]) -> TextIO:
    return os.fdopen(descriptor, mode, encoding="utf-8", closefd=False)


def notice(text: str) -> None:
    """Print a line of a server that starts; it starts also where nobody reads the line."""
    with suppress(OSError):
        click.echo(f"easyai: {text}", err=True)
