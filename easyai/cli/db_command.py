"""``easyai db``: prepares the database, and shows its schema version and its size."""

from __future__ import annotations

import click

from easyai.cli.db_space import compact, size
from easyai.cli.output import (
    missing_database,
    opened,
    print_json,
    refuse_beside_api,
    require_database,
    running,
    upgrade_hint,
)
from easyai.messages.catalogue import text
from easyai.settings.find_installation import find_installation

EXAMPLES = """\b
Examples:
  easyai db upgrade                     make the tables, or bring them to this version
  easyai db current                     which revision the database has
  easyai db downgrade 0004              back, before an older version is installed again
  easyai db size                        rows and bytes of each table, and their limits
  easyai db compact                     give free space of an SQLite file back to the disk

\b
Settings: EASYAI_CONFIG names the file, EASYAI_DATABASE_URL the database.
"""


@click.group(epilog=EXAMPLES)
def db() -> None:
    """Prepare the database, show its revision and its size."""


db.add_command(size)
db.add_command(compact)


@db.command(epilog=EXAMPLES)
def upgrade() -> None:
    """Bring the database to the newest schema, if it has an older schema.

    Safe while easyai runs and when several machines do it at once. `easyai up` does it by itself.
    """
    from easyai.db import migrate
    from easyai.settings.source import load

    is_named = find_installation(next_start=True)
    settings = load()
    missing = missing_database(settings)
    if missing and not is_named:
        refuse_beside_api(settings, missing)
    url = settings.easyai.effective_database_url
    click.echo(f"database ready: {shown_url(url)}, revision {migrate.upgrade(url)}")


@db.command(epilog=EXAMPLES)
@click.argument("revision")
def downgrade(revision: str) -> None:
    """Take the database back to an older REVISION, which an older version needs.

    Stop easyai first, and install the older version afterwards: its `easyai db current` shows the
    revision that it needs. Frames, services and alerts stay.

    Exit code: 0 done, 1 easyai is running, 2 usage or configuration.
    """
    from easyai.db import migrate

    with opened() as runtime:
        url, at_work = runtime.db.url, ", ".join(running(runtime.db))
    if at_work:
        click.echo(
            f"easyai is running, or ended less than 30 s ago ({at_work}): stop it first, for its "
            "processes need the tables of this version",
            err=True,
        )
        click.get_current_context().exit(1)
    migrate.downgrade(url, revision)
    click.echo(f"database taken back: {shown_url(url)}, revision {revision}")


@db.command(epilog=EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def current(as_json: bool) -> None:
    """Show the revision of the database, and the revision that this version needs.

    Exit code: 0 up to date, 1 an upgrade or downgrade is due, 2 no database or configuration.
    """
    from easyai.db import migrate
    from easyai.db.revision import is_of_newer_version
    from easyai.settings.source import load

    find_installation()
    settings = load()
    require_database(settings)
    url = settings.easyai.effective_database_url
    revision, newest = migrate.current(url)
    ready = revision == newest
    if as_json:
        print_json({"revision": revision, "newest": newest, "up_to_date": ready})
    else:
        if is_of_newer_version(revision):
            due = "take it back with the later version that made it, or start that version again"
        else:
            due = text(upgrade_hint(settings))
        state = "up to date" if ready else f"this version needs {newest}; {due}"
        click.echo(f"{shown_url(url)}: revision {revision or 'none'}, {state}")
    if not ready:
        click.get_current_context().exit(1)


def shown_url(url: str) -> str:
    """The database's URL without its password."""
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)
