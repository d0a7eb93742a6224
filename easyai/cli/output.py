"""Shared by the commands that show things: an opened database, tables, JSON, times for people."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from easyai.domain.reason import Reason, quote
from easyai.errors import DatabaseForbiddenError, SchemaMissingError, SettingsError
from easyai.messages import catalogue, wording
from easyai.settings.find_installation import find_installation

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from easyai.db.session import Database
    from easyai.runtime import Runtime
    from easyai.settings.schema import Settings
    from easyai.settings.source import SettingsSource

_PIPE_WIDTH: Final = 1000
_ALIVE_SEC: Final = 30.0


@contextmanager
def opened(opener: Callable[[SettingsSource], Runtime] | None = None) -> Iterator[Runtime]:
    """The runtime on the database of the settings; the server need not run.

    `opener` builds the runtime when the plain runtime, whose doorbell is silent, is not enough.
    Raises SettingsError with the command to run when the database is missing or not migrated.
    """
    # Imported here: a wrong option and --help do not need it.
    from easyai.runtime import open_runtime
    from easyai.settings.source import SettingsSource

    find_installation()
    source = SettingsSource()
    require_database(source.current())
    runtime = (opener or open_runtime)(source)
    try:
        yield runtime
        _warn_if_idle(runtime.db)  # after the checks: an error stays a single line
    except SchemaMissingError as error:
        lacking = getattr(error.__cause__, "orig", "")  # the driver's message
        raise SettingsError(
            Reason.of(
                "database.lacks_tables",
                error=quote(str(lacking)),
                remedy=upgrade_hint(source.current()),
            )
        ) from error
    finally:
        runtime.close()


def running(db: Database) -> tuple[str, ...]:
    """The names of all easyai processes that work on this database now."""
    from easyai.db import clock, leases, processes

    with db.read() as conn:
        now = clock.now(conn)
        names = [
            row.name for row in processes.all_processes(conn) if now - row.beat_at < _ALIVE_SEC
        ]
        beat = leases.all_leases(conn).get("beat")
    if not names and beat is not None and beat.expires_at > now:
        names = [f"beat of {beat.holder}"]
    return tuple(wording.plain(name) for name in names)


def _warn_if_idle(db: Database) -> None:
    """Warn when no process works on the database: its rows do not show the present state."""
    if not running(db):
        click.echo("easyai: nothing of easyai runs on this database", err=True)


def missing_database(settings: Settings) -> str:
    """The SQLite file that should exist and does not; '' when it exists or a server is used."""
    from sqlalchemy.engine import make_url

    from easyai.db.engines import normalize_url

    url = make_url(normalize_url(settings.easyai.effective_database_url))
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return ""
    return "" if _is_usable(Path(url.database)) else url.database


def _is_usable(file: Path) -> bool:
    """Whether the file exists. Raises DatabaseForbiddenError when this user may not use the file.

    Reading needs the right to write, too: SQLite keeps its log beside the file.
    """
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            return False
        allowed = os.access(file, os.R_OK | os.W_OK, effective_ids=True)
    except PermissionError:
        allowed = False
    except OSError:
        return False
    if not allowed:
        raise DatabaseForbiddenError(Reason.of("database.forbidden", path=str(file)))
    return True


def require_database(settings: Settings) -> None:
    """Raise SettingsError when the SQLite file is missing: reading must not create it."""
    missing = missing_database(settings)
    if missing:
        refuse_beside_api(settings, missing)
        raise SettingsError(
            Reason.of("database.not_made", path=missing, remedy=upgrade_hint(settings))
        )


def refuse_beside_api(settings: Settings, missing: str) -> None:
    """Raise SettingsError when an easyai API answers at the address: it has another database."""
    from easyai.cli.api_client import ApiClient

    api = ApiClient(settings)
    if api.answers():
        raise SettingsError(Reason.of("database.of_another", url=api.url, path=missing))


def upgrade_hint(settings: Settings) -> Reason:
    """How to make the tables of this version."""
    from easyai.settings.commands import easyai_command

    upgrade, everything = (
        easyai_command(settings, *arguments) for arguments in (("db", "upgrade"), ("up",))
    )
    return Reason.of("database.upgrade_hint", upgrade=upgrade, up=everything)


def print_json(value: Any, indent: int | None = 2) -> None:
    """Print a value as JSON and nothing else, in UTF-8; Chinese stays readable."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    click.echo(text.encode("utf-8", "backslashreplace"))


def console() -> Console:
    """The console for tables. In a pipe no value is cut or folded, so that grep sees all of it."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)


def new_table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """An empty table; the columns named in `right` hold numbers."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return table


def print_table(table: Table) -> None:
    """Print a table, without the blanks at the ends of lines when it goes into a pipe."""
    target = console()
    if target.is_terminal:
        target.print(table)
        return
    with target.capture() as capture:
        target.print(table)
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


def cell(value: object, style: str = "") -> Text:
    """A value for a table: '-' for nothing, without characters that steer a terminal."""
    from rich.text import Text

    return Text("-" if value is None or value == "" else wording.plain(str(value)), style=style)


def duration(seconds: float | None) -> str:
    """Seconds in words for people; '-' for None, never negative."""
    return "-" if seconds is None else catalogue.text(Reason.of("span", sec=seconds))


def moment(unix: float | None) -> str:
    """A time for people, local; '-' for none."""
    return wording.moment(unix) if unix else "-"


def iso(unix: float | None) -> str | None:
    """A time for scripts, ISO 8601 in UTC; None for none."""
    if not unix:
        return None
    text = datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
