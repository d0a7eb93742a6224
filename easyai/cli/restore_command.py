"""``easyai restore``: restores a backup into an installation in which no process runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from easyai.cli.backup_command import pictures_line, print_progress
from easyai.cli.output import print_json, running
from easyai.domain.reason import Reason
from easyai.messages.wording import counted, names, plain, size
from easyai.settings.find_installation import find_installation

if TYPE_CHECKING:
    from easyai.backup.archive import Reader
    from easyai.backup.restore import Restored
    from easyai.settings.schema import Settings

EXAMPLES = """\b
Examples:
  easyai restore site.tar --check       whether it is complete, and its contents
  easyai restore site.tar               where the settings of this machine say
  easyai restore site.tar --settings /etc/easyai/config.toml
                                        on a new machine: with the settings file of the backup
  EASYAI_DATABASE_URL=postgresql://easyai@db/easyai easyai restore site.tar
                                        into PostgreSQL, wherever the backup comes from

\b
Stop easyai first. easyai reads and checks the backup before it changes anything, and writes the
database last: run a restoration that was interrupted again. No picture is deleted or replaced. New
alerts get ids far above the ids in the backup, so that no id is given twice (docs/recovery.md).

\b
Settings: EASYAI_CONFIG names the file, EASYAI_DATABASE_URL the database.
Exit code: 0 done, 2 nothing was restored.
"""


@click.command(epilog=EXAMPLES)
@click.argument("archive", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
@click.option("--check", is_flag=True, help="Only read the backup, and show its contents.")
@click.option("--replace", is_flag=True, help="Replace a database that has rows already.")
@click.option(
    "--settings",
    "settings_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the settings file of the backup to FILE, and restore with these settings.",
)
@click.option(
    "--next-alert-id",
    type=click.IntRange(min=1),
    default=None,
    help="The id of the next alert, if you know the last id that consumers have.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def restore(
    archive: Path,
    check: bool,
    replace: bool,
    settings_path: Path | None,
    next_alert_id: int | None,
    as_json: bool,
) -> None:
    """Restore the backup FILE into the database and folders of the settings."""
    from easyai.backup.archive import Reader
    from easyai.backup.progress_lines import Progress

    settings = None if check or settings_path else _settings()
    reader = Reader(archive, Progress(print_progress))
    try:
        if check:
            _show(reader, as_json)
            return
        if settings is None:
            settings = _settings_of(reader, settings_path)
        restored = _restored(reader, settings, replace, next_alert_id or 0)
    finally:
        reader.close()
    _report(reader, restored, as_json)


def _settings() -> Settings:
    """The settings of the next start here; raises for a mistake before the backup is read."""
    from easyai.settings.source import load

    find_installation(next_start=True)
    return load()


def _settings_of(reader: Reader, path: Path | None) -> Settings:
    from easyai.backup.restore import write_settings
    from easyai.cli.main import use_config
    from easyai.settings.source import load

    if path is not None:
        write_settings(reader, path)
        use_config(path)
    return load()


def _restored(reader: Reader, settings: Settings, replace: bool, next_alert_id: int) -> Restored:
    from easyai.backup.progress_lines import Progress
    from easyai.backup.restore import restore
    from easyai.supervisor.start_checks import claim_data_dir, release_data_dir

    claim_data_dir(settings.easyai.data_dir)  # held to the end, so that no `up` starts there
    try:
        _require_stopped(settings)
        return restore(
            reader,
            settings,
            replace=replace,
            next_alert_id=next_alert_id,
            progress=Progress(print_progress),
        )
    finally:
        release_data_dir(settings.easyai.data_dir)


def _require_stopped(settings: Settings) -> None:
    from easyai.cli.output import missing_database
    from easyai.db.session import Database
    from easyai.errors import BackupError, DatabaseDamagedError, SchemaMissingError

    if missing_database(settings):
        return
    database = Database(settings.easyai.effective_database_url)
    try:
        at_work = running(database)
    except (SchemaMissingError, DatabaseDamagedError):
        return  # no process works on a database without tables, or on an unreadable database
    finally:
        database.dispose()
    if at_work:
        raise BackupError(Reason.of("restore.at_work", names=at_work))


def _show(reader: Reader, as_json: bool) -> None:
    manifest = reader.manifest
    if as_json:
        print_json(manifest)
        return
    rows = sum(manifest["rows"].values())
    click.echo(f"whole: {plain(str(reader.path))}, {size(reader.size)}")
    click.echo(
        f"of {manifest['created']}, host {plain(manifest['host'])}, easyai {manifest['easyai']}, "
        f"{manifest['database']}, revision {manifest['revision']}, {counted(rows, 'row')}"
    )
    pictures = manifest["pictures"]
    if pictures is None:
        click.echo("no pictures")
    else:
        click.echo(pictures_line(pictures, manifest["pictures_bytes"]))


def _report(reader: Reader, restored: Restored, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        print_json(asdict(restored))
        return
    rows, pictures = restored.rows, restored.pictures
    click.echo(f"restored: the backup of {reader.manifest['created']}, revision {rows.revision}")
    waiting = counted(rows.waiting, "frame waits and is inferred", "frames wait and are inferred")
    if not (pictures and pictures.left_out):
        waiting += "; frames that were inferred after the backup make a second alert"
    click.echo(waiting)
    if rows.gone:
        gone = counted(
            rows.gone,
            "frame waited whose picture is no more",
            "frames waited whose pictures are no more",
        )
        click.echo(f"{gone} (inferred since, or not in the backup): done as `missing`")
    click.echo(f"the next alert has the id {rows.next_alert_id}")
    if pictures:
        click.echo(f"pictures: {pictures.written} put back or there already")
    if pictures and pictures.taken:
        click.echo(f"{pictures.taken} left out: another picture has the name")
    if pictures and pictures.unknown:
        click.echo(
            "left in place, from after the backup and without a row: "
            f"{counted(pictures.unknown, 'picture')} of alerts and failed frames, such as "
            f"{names(pictures.examples)}"
        )
    if restored.kept_database:
        click.echo(f"the database that was there: {plain(restored.kept_database)}")
    if restored.kept_keys:
        kept = ", ".join(plain(key) for key in restored.kept_keys)
        click.echo(f"left as they are, others are in the backup: {kept}")
