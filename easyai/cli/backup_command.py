"""``easyai backup``: writes the database and the files that belong to it into a single file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from easyai.cli.output import opened, print_json
from easyai.messages.catalogue import fields, text
from easyai.messages.wording import counted, plain, size

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
        first = report.unreadable_example or None
        print_json(asdict(report) | fields("unreadable_example", first))
    else:
        click.echo(f"backup: {plain(report.path)}, {size(report.size_bytes)}")
        click.echo(f"of {report.created}: {counted(sum(report.rows.values()), 'row')}")
        if report.pictures is None:
            click.echo("no pictures" + (": they stay in the bucket" if remote else ""))
        else:
            click.echo(pictures_line(report.pictures, report.pictures_bytes))
    if report.lost:
        lost = counted(
            report.lost,
            "picture that a row names was nowhere to be found",
            "pictures that rows name were nowhere to be found",
        )
        click.echo(lost, err=True)
    if report.unreadable:
        example = plain(text(report.unreadable_example))
        click.echo(
            f"{counted(report.unreadable, 'picture')} could not be read for the backup, such as "
            f"{example}; make pictures readable for the user of easyai, "
            "or check the disk",
            err=True,
        )
    if report.lost or report.unreadable:
        click.get_current_context().exit(1)


def print_progress(line: str) -> None:
    """Print a line of progress."""
    click.echo(f"easyai: {line}", err=True)


def pictures_line(pictures: Mapping[str, int], size_bytes: int) -> str:
    """The numbers of a backup's pictures by their use, and their size together."""
    counts = ", ".join(f"{count} {role}" for role, count in pictures.items())
    return f"pictures: {counts}; {size(size_bytes)}"
