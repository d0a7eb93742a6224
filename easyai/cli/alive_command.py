"""``easyai alive``: whether the processes of this machine or container work, by their rows."""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import Final

import click

from easyai.cli.output import duration, opened
from easyai.errors import DatabaseUnavailableError
from easyai.messages.wording import plain

KINDS = ("api", "beat", "watchdog", "worker")
# Below the 10 s after which the health check of docker/compose.yaml kills this command, and the
# 20 s and 30 s of the probes in docker/kubernetes: a command that is killed has no exit code 2.
DEADLINE_SEC: Final = 8.0
THREAD: Final = "easyai-alive"

EXAMPLES = """\b
Examples:
  easyai alive                          all four kinds, as `easyai up` runs them
  easyai alive worker                   a worker of this machine or container

\b
For health checks of containers and services. A process writes its row every 5 s while its loops
turn, and counts as working until the row is 20 s old.
Exit code: 0 alive, 1 not, 2 usage, configuration, or no answer from the database within 8 s.
"""


@click.command(epilog=EXAMPLES)
@click.argument("kinds", nargs=-1, type=click.Choice(KINDS))
def alive(kinds: tuple[str, ...]) -> None:
    """Check whether a process of each of KINDS works on this machine or in this container."""
    from easyai.process.presence import SILENT_AFTER_SEC

    ages_of = _ages_within_deadline()
    failed = False
    for kind in kinds or KINDS:
        ages = ages_of.get(kind, [])
        works = bool(ages) and min(ages) < SILENT_AFTER_SEC
        failed |= not works
        state = "works" if works else f"silent for {duration(min(ages))}" if ages else "not running"
        click.echo(plain(f"{kind}: {state}"))
    if failed:
        click.get_current_context().exit(1)


def _ages_within_deadline() -> dict[str, list[float]]:
    """Return the ages of `_ages`. Raises DatabaseUnavailableError after DEADLINE_SEC.

    The thread is a daemon: nothing ends a statement that waits for the server, and the command must
    not wait for the thread.
    """
    import easyai.runtime  # noqa: F401  # a slow machine's imports are not the database's delay

    answers: SimpleQueue[dict[str, list[float]] | Exception] = SimpleQueue()

    def read() -> None:
        try:
            answers.put(_ages())
        except Exception as error:  # noqa: BLE001  # raised again in the main thread
            answers.put(error)

    threading.Thread(target=read, name=THREAD, daemon=True).start()
    try:
        answer = answers.get(timeout=DEADLINE_SEC)
    except Empty:
        raise DatabaseUnavailableError(
            f"the database did not answer within {DEADLINE_SEC:g} s: whether the processes work "
            "is not known"
        ) from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _ages() -> dict[str, list[float]]:
    """Seconds since each process of this machine or container wrote its row, by kind."""
    from easyai.db import clock, processes
    from easyai.system.identity import home

    here = home()
    ages: dict[str, list[float]] = {}
    with opened() as runtime, runtime.db.read() as conn:
        now = clock.now(conn)
        for row in processes.all_processes(conn):
            if row.host == here:
                ages.setdefault(row.kind, []).append(now - row.beat_at)
    return ages
