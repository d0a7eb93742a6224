"""Ctrl-C and similar signals stop the demo, but must not interrupt some steps."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_asked: list[int] = []


def end_on_signals() -> None:
    """From now on these signals raise KeyboardInterrupt or SystemExit; for the main thread."""
    for number in ENDINGS:
        signal.signal(number, _end)


def still_wanted() -> None:
    """Raise again what a signal raised: a library's C code may have dropped it."""
    if _asked:
        _raise(_asked[0])


def _end(number: int, _frame: object) -> NoReturn:
    _asked.append(number)
    _raise(number)


def _raise(number: int) -> NoReturn:
    raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay signals that stop the demo until the end of the block; for the main thread.

    Otherwise a process that is being started is not yet listed, and would keep running.
    """
    held: list[int] = []
    previous = {
        number: signal.signal(number, lambda got, _: held.append(got)) for number in ENDINGS
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])
