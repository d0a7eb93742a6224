"""Steps that Ctrl-C and the like must not cut in two."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back signals that end the demo until the block is left; for the main thread.

    A process that is just being started would not be in any list yet, and be left behind.
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
