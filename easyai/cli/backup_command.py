"""``easyai backup``: writes the database and the files that belong to it into a single file."""

from __future__ import annotations

from pathlib import Path

import click

from easyai.cli.output import opened, print_json
from easyai.messages.catalogue import fields, text
from easyai.messages.wording import plain

EXAMPLES = """\b
Examples:
  easyai backup /backups                a new file in this folder
  easyai backup /backups/site.tar       this file, which must not exist yet
  easyai backup /backups --no-pictures  the rows, settings and keys alone
  easyai restore /backups/site.tar --check

\b
easyai may run meanwhile. Only the owner can read the file. It holds every row of the database as of
one moment, the settings file, the keys of the data folder (secret.key, *.token) and, of a local
frame folder, the pictures of alerts, of failed frames and of frames that wait. Pictures in a bucket
stay there. The file does not hold the embedded broker (the database knows which work is left), logs
and environment variables.

\b
Settings: EASYAI_CONFIG names the file, EASYAI_DATABASE_URL the database.
Exit code: 0 done, 1 done, but pictures that rows name were missing or could not be read, 2 no
backup was made.
"""


@click.command(epilog=EXAMPLES)
@click.argument("target", type=click.Path(path_type=Path), metavar="FILE|FOLDER")
@click.option("--no-pictures", is_flag=True, help="Leave the pictures out.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def backup(target: Path, no_pictures: bool, as_json: bool) -> None:
    """Back up this installation into FILE, or into a new file in FOLDER, while it runs."""
    from dataclasses import asdict

    from easyai.backup.create import back_up
    from easyai.backup.progress_lines import Progress

    with opened() as runtime:
        report = back_up(
            runtime, target, pictures=not no_pictures, progress=Progress(print_progress)
        )
        remote = runtime.store.remote
    if as_json:
        print_json(asdict(report) | fields("unreadable_example", report.unreadable_example))
    else:
        click.echo(f"backup: {plain(report.path)}, {megabytes(report.size_bytes)}")
        click.echo(f"of {report.created}: {sum(report.rows.values()):,} rows")
        if report.pictures is None:
            click.echo("no pictures" + (": they stay in the bucket" if remote else ""))
        else:
            counts = ", ".join(f"{count:,} {role}" for role, count in report.pictures.items())
            click.echo(f"pictures: {counts}; {megabytes(report.pictures_bytes)}")
    if report.lost:
        click.echo(f"{report.lost:,} pictures that rows name were nowhere to be found", err=True)
    if report.unreadable:
        example = plain(text(report.unreadable_example))
        click.echo(
            f"{report.unreadable:,} pictures could not be read and are not in the backup, such as "
            f"{example}; make them readable for the user of easyai, or "
            "check the disk",
            err=True,
        )
    if report.lost or report.unreadable:
        click.get_current_context().exit(1)


def print_progress(line: str) -> None:
    """Print a line of progress."""
    click.echo(f"easyai: {line}", err=True)


def megabytes(size: int) -> str:
    """A size for people."""
    return f"{size / 1e6:,.1f} MB"
