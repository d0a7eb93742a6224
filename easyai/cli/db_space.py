"""``easyai db size`` and ``easyai db compact``: show the database's size, and free disk space."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from easyai.cli.output import cell, duration, new_table, opened, print_json, print_table, running
from easyai.errors import BadRequestError
from easyai.messages.catalogue import text
from easyai.messages.wording import size as shown_size

if TYPE_CHECKING:
    from easyai.db.space import Space, TableSize
    from easyai.settings.schema import AiAnalysis

SIZE_EXAMPLES = """\b
Examples:
  easyai db size
  easyai db size --json | jq '.tables[] | select(.name == "frames")'

\b
Settings: EASYAI_CONFIG names the file, EASYAI_DATABASE_URL the database.
Exit code: 0, or 2 for usage or configuration.
"""
COMPACT_EXAMPLES = """\b
Examples:
  easyai db compact                     once, after stopping easyai
  easyai db compact --beside            while easyai runs: frames wait until it is done

\b
Settings: EASYAI_CONFIG names the file, EASYAI_DATABASE_URL the database.
Exit code: 0 done or nothing to do, 1 easyai is running, 2 no room, usage or configuration.
"""
_BYTES_PER_SEC: Final = 30e6  # speed of a slow disk


@click.command(epilog=SIZE_EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def size(as_json: bool) -> None:
    """Show the rows and bytes of each table, and the limit of its growth.

    Reads the whole SQLite file: this takes some seconds if the file is large.
    """
    from easyai.db import space
    from easyai.process.database_library import library

    with opened() as runtime:
        analysis = runtime.settings.ai_analysis
        behind = library(runtime.db.url)
        whole, tables = space.space(runtime.db), space.tables(runtime.db)
    if as_json:
        limits = _limits(analysis)
        listed = [asdict(table) | {"limit": limits.get(table.name)} for table in tables]
        print_json({"database": asdict(whole), "library": asdict(behind), "tables": listed})
        return
    _print(whole, tables, _limits(analysis))
    click.echo(text(behind.summary))


@click.command(epilog=COMPACT_EXAMPLES)
@click.option("--beside", is_flag=True, help="Run beside a running easyai, which waits meanwhile.")
def compact(beside: bool) -> None:
    """Write the SQLite file anew without free space, once; from then on it shrinks by itself.

    For files of an older version, or to free the space now. Nothing is lost if the command is
    interrupted. PostgreSQL does not need this command.
    """
    from easyai.db import space

    with opened() as runtime:
        db = runtime.db
        path = space.file_of(db)
        if path is None:
            click.echo("nothing to do: PostgreSQL looks after its space by itself (autovacuum)")
            return
        before = space.space(db)
        live = before.size - before.free
        at_work = ", ".join(running(db))
        if at_work and not beside:
            click.echo(
                f"easyai is running ({at_work}): inference would stand still for about "
                f"{duration(live / _BYTES_PER_SEC + 1)}, and frames wait. Stop it first, or add "
                "--beside",
                err=True,
            )
            click.get_current_context().exit(1)
        _require_space(path, live)
        began = time.monotonic()
        space.compact(db)
        after = space.space(db)
    click.echo(
        f"compacted in {duration(time.monotonic() - began)}: {shown_size(before.size)} → "
        f"{shown_size(after.size)}; free space goes back to the disk by itself from now on"
    )


def _limits(analysis: AiAnalysis) -> dict[str, str]:
    from easyai.pipeline.upkeep import ALARM_DAYS, EVENT_DAYS, MOST_LOG_ROWS

    def setting(name: str) -> str:
        value = getattr(analysis, name)
        return f"{name} = {_number(value)}" if value else f"{name} = 0 (no limit)"

    history = ("max_history_rows", "history_retention_days")
    return {
        "frames": ", ".join(setting(name) for name in history) + "; waiting and failed frames stay",
        "alerts": setting("max_alerts_in_db"),
        "events": f"{MOST_LOG_ROWS}, {EVENT_DAYS} days",
        "alarms": f"{MOST_LOG_ROWS}, {ALARM_DAYS} days since they were over",
        "statistics": "an hour",
        "processes": "silent for a day",
    }


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:g}"


def _print(whole: Space, tables: list[TableSize], limits: dict[str, str]) -> None:
    shown = new_table("TABLE", "ROWS", "SIZE", "LIMIT", right=("ROWS", "SIZE"))
    for table in tables:
        shown.add_row(
            cell(table.name),
            cell(table.rows),
            cell(shown_size(table.size_bytes)),
            cell(limits.get(table.name)),
        )
    print_table(shown)
    click.echo(
        f"database {shown_size(whole.size)}, free inside {shown_size(whole.free)}, "
        f"write-ahead log {shown_size(whole.log)}"
    )
    if not whole.shrinks:
        click.echo("the file does not shrink by itself: `db compact` makes it small", err=True)


def _require_space(path: Path, live: int) -> None:
    """Raise BadRequestError when the disk has no room for the copy and its log."""
    folder, temporary = path.parent, Path(tempfile.gettempdir())
    needed = {folder: live, temporary: live}
    if folder.stat().st_dev == temporary.stat().st_dev:
        needed = {folder: 2 * live}
    for place, count in needed.items():
        free = shutil.disk_usage(place).free
        if free < count * 1.05:
            raise BadRequestError(
                f"no room to compact: {place} has {shown_size(free)} free, it takes "
                f"{shown_size(count)}; SQLITE_TMPDIR names another folder for the copy"
            )
