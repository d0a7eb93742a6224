"""``easyai frames``: the state and the outcome of each frame."""

from __future__ import annotations

from typing import Any, Final

import click

from easyai.cli.frame_story import as_dict, picture, print_story
from easyai.cli.name_options import name_option
from easyai.cli.output import cell, duration, new_table, opened, print_json, print_table
from easyai.cli.since import Moment, since_option, span, until_option
from easyai.db import clock, reasons
from easyai.db import frames as frames_db
from easyai.db.frames import FrameFilter, FrameRow
from easyai.domain.frame import FrameState
from easyai.messages.catalogue import text

EXAMPLES = """\b
Examples:
  easyai frames                         the newest frames
  easyai frames --state failed --since 2h
  easyai frames --state parked --limit 5   wait for a service of their type
  easyai frames --state dropped --reason queue_full   or too_old, disk_low, sampled,
                                                      discarded
  easyai frames --state done --reason superseded      a newer picture took the name
  easyai frames --task-type 人数统计 --task-id 门口2 --limit 10
  easyai frames --key 人数统计/门口2/20251114-164712.618.jpg
  easyai frames --state failed --json | jq -r '.frames[].reason'

\b
Settings: EASYAI_CONFIG names the file, EASYAI_DATABASE_URL the database.
Exit code: 0 found, 1 no frame matches, 2 usage or configuration.
"""

_STYLES: Final = {
    "failed": "red",
    "pending": "yellow",
    "parked": "magenta",
    "leased": "cyan",
    "done": "green",
}


@click.command(epilog=EXAMPLES)
@click.option(
    "--state",
    type=click.Choice([str(state) for state in FrameState]),
    help="Only frames in this state.",
)
@name_option("--task-type", "Only frames of this type, such as 人数统计.")
@name_option("--task-id", "Only frames of this camera.")
@click.option(
    "--reason",
    help="Only frames whose reason (code or arguments) or outcome contains this; case is ignored.",
)
@since_option("Only frames settled since (found since, when not settled): 30s, 15m, 2h, 3d.")
@until_option("Only frames settled before (found before, when not settled).")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    metavar="N",
    default=50,
    show_default=True,
    help="At most N frames.",
)
@click.option(
    "--key", help="The whole story of one frame, by its key or by where its picture is now."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def frames(
    state: str | None,
    task_type: str | None,
    task_id: str | None,
    reason: str | None,
    since: Moment | None,
    until: Moment | None,
    limit: int,
    key: str | None,
    as_json: bool,
) -> None:
    """Show the fate of frames, the newest first, and how many wait, run or have failed.

    Pending: waits for a service with room or its next attempt. Parked: waits for a service of its
    type. Leased: being inferred. Done: has its result. Failed: refused too often; `easyai requeue`
    brings it back. Dropped: given up by a policy,
    or by `easyai discard`.
    """
    if key is not None:
        _story(key.removeprefix("./"), as_json)
        return
    wanted_state = FrameState(state) if state else None
    with opened() as runtime:
        begin, end = span(runtime.db, since, until)
        wanted = FrameFilter(wanted_state, task_type, task_id, begin, reason, until=end)
        with runtime.db.read() as conn:
            rows = frames_db.newest(conn, wanted, limit)
            counts, now = frames_db.counts(conn), clock.now(conn)
    totals = {str(name): sum(states[name] for states in counts.values()) for name in frames_db.LIVE}
    if as_json:
        print_json({"frames": [as_dict(row) for row in rows], "counts": totals})
    else:
        _print(rows, totals, now)
    if not rows:
        click.get_current_context().exit(1)


def _story(key: str, as_json: bool) -> None:
    with opened() as runtime, runtime.db.read() as conn:
        rows, now = frames_db.by_key(conn, key), clock.now(conn)
    if as_json:
        print_json({"frames": [as_dict(row) for row in rows]})
    elif rows:
        print_story(rows, now)
    else:
        click.echo(
            f"no frame {key!r}; a key is <task_type>/<task_id>/…/<file> below the frame folder. "
            "A picture that is not in the list yet is recorded by the next scan",
            err=True,
        )
    if not rows:
        click.get_current_context().exit(1)


def _print(rows: list[FrameRow], totals: dict[str, int], now: float) -> None:
    if rows:
        _print_table(rows, now)
    else:
        click.echo("no frame matches; without filters the newest frames are shown", err=True)
    click.echo(" · ".join(f"{name} {number}" for name, number in totals.items()))


def _print_table(rows: list[FrameRow], now: float) -> None:
    numbers = ("ID", "ATTEMPTS", "FOUND")
    table = new_table(
        "ID", "STATE", "OUTCOME", "FOUND", "ATTEMPTS", "SERVICE", "PICTURE", "REASON", right=numbers
    )
    for row in rows:
        table.add_row(*_cells(row, now))
    print_table(table)


def _cells(row: FrameRow, now: float) -> list[Any]:
    return [
        cell(row.id),
        cell(row.state, _STYLES.get(row.state, "")),
        cell(row.outcome),
        cell(duration(now - row.found_at)),
        cell(row.attempts),
        cell(row.service_id),
        cell(picture(row).text),
        cell(text(reasons.read(row, "reason"))),
    ]
