"""``easyai discard``: gives up waiting frames, such as frames of a misspelt folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from easyai.cli.name_options import name_option
from easyai.cli.output import cell, new_table, opened, print_json, print_table

if TYPE_CHECKING:
    from easyai.pipeline.discard import DiscardReport

EXAMPLES = """\b
Examples:
  easyai discard --task-type 人数统记 --dry-run    count the frames that wait, change nothing
  easyai discard --task-type 人数统记
  easyai discard --task-type 人数统计 --camera 门口2
  easyai frames --reason discarded                frames that were given up

\b
Settings: EASYAI_CONFIG names the file, EASYAI_DATABASE_URL the database.
Exit code: 0 given up, 1 no frame waits, 2 usage or configuration.
"""


@click.command(epilog=EXAMPLES)
@name_option("--task-type", "Frames of this type, such as 人数统记.", required=True)
@name_option("--camera", "Only frames of this camera (task_id).", default="")
@click.option("--dry-run", is_flag=True, help="Count and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def discard(task_type: str, camera: str, dry_run: bool, as_json: bool) -> None:
    """Give up the waiting frames of a type for ever: their pictures are deleted.

    The frames are counted as discarded. Frames in flight and failed frames stay. Frames that arrive
    later wait as before, so first stop the program that writes them.
    """
    # Imported here: a wrong option and --help do not need it.
    from easyai.db.discards import Chosen
    from easyai.domain.actor import Actor
    from easyai.pipeline.discard import discard as discard_frames

    by = Actor(f"uid {os.getuid()}", local=True)
    with opened() as runtime:
        report = discard_frames(runtime, Chosen(task_type, camera), dry_run=dry_run, by=by)
    if as_json:
        print_json(_as_dict(report, dry_run))
    else:
        _print_report(report, task_type, dry_run)
    if not report.by_camera:
        click.get_current_context().exit(1)


def _as_dict(report: DiscardReport, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "discarded": report.discarded,
        "by_camera": report.by_camera,
        "in_flight": report.in_flight,
        "waiting": report.waiting,
    }


def _print_report(report: DiscardReport, task_type: str, dry_run: bool) -> None:
    from easyai.messages.wording import counted

    if not report.by_camera:
        click.echo(f"no frame of {task_type!r} waits; the command stats lists the types", err=True)
    elif dry_run:
        click.echo(f"would discard {counted(report.waiting, 'frame')}")
    else:
        click.echo(f"discarded {counted(report.discarded, 'frame')}")
    if report.by_camera:
        table = new_table("CAMERA", "FRAMES", right=("FRAMES",))
        for camera, number in report.by_camera.items():
            table.add_row(cell(camera), cell(number))
        print_table(table)
    if report.in_flight:
        click.echo(f"left alone: {report.in_flight} in flight at a service")
    if report.waiting and not dry_run:
        click.echo(
            counted(
                report.waiting,
                "frame that arrived meanwhile waits",
                "frames that arrived meanwhile wait",
            )
        )
