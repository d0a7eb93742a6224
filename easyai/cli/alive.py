"""``easyai alive``: whether the processes of this machine or container work, by their own rows."""

from __future__ import annotations

import click

from easyai.cli.output import opened, plain

KINDS = ("api", "beat", "watchdog", "worker")

EXAMPLES = """\b
Examples:
  easyai alive                          all four kinds, as `easyai up` runs them
  easyai alive worker                   a worker of this machine or container

\b
For health checks of containers and services. A process writes its row every 5 s while its loops
turn, and counts as working until the row is 20 s old.
Exit code: 0 alive, 1 not, 2 usage, configuration or database.
"""


@click.command(epilog=EXAMPLES)
@click.argument("kinds", nargs=-1, type=click.Choice(KINDS))
def alive(kinds: tuple[str, ...]) -> None:
    """Say whether a process of each of KINDS works on this machine or in this container."""
    from easyai.db import clock, processes
    from easyai.health.presence import SILENT_AFTER_SEC
    from easyai.process.identity import home

    here = home()
    with opened() as runtime, runtime.db.read() as conn:
        now = clock.now(conn)
        rows = [row for row in processes.all_processes(conn) if row.host == here]
    failed = False
    for kind in kinds or KINDS:
        ages = [now - row.beat_at for row in rows if row.kind == kind]
        works = bool(ages) and min(ages) < SILENT_AFTER_SEC
        failed |= not works
        state = "works" if works else f"silent for {min(ages):.0f} s" if ages else "not running"
        click.echo(plain(f"{kind}: {state}"))
    if failed:
        click.get_current_context().exit(1)
