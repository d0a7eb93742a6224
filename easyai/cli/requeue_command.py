"""``easyai requeue``: queues failed frames again; also the body of ``celery requeue``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from easyai.cli.name_options import name_option
from easyai.cli.output import cell, new_table, opened, print_json, print_table
from easyai.cli.since import Moment, since_option, span, until_option

if TYPE_CHECKING:
    from easyai.pipeline.requeue import RequeueReport
    from easyai.runtime import Runtime
    from easyai.settings.schema import Settings

F = TypeVar("F", bound=Callable[..., Any])

STATES = ("pending", "parked", "leased", "done", "failed", "dropped")

EXAMPLES = """\b
Examples:
  easyai requeue --dry-run              count the failed frames, change nothing
  easyai requeue --task-type 人数统计 --since 2h
  easyai requeue --since 3h --until 1h  frames that failed between three hours and one hour ago
  easyai requeue --reason timed_out     frames whose calls got no answer in time
  easyai requeue --reason "no model"    frames whose service gave this error
  easyai requeue --id 41 --id 42
  celery -A easyai requeue --since 2h   the same, and workers are woken at once

\b
Settings: EASYAI_CONFIG names the file, EASYAI_DATABASE_URL the database.
Exit code: 0 requeued, 1 no failed frame matches, 2 usage or configuration.
"""

OPTIONS = (
    click.option(
        "--state",
        type=click.Choice(STATES),
        default="failed",
        show_default=True,
        help="State of the frames; only failed frames can be requeued.",
    ),
    name_option("--task-type", "Only frames of this type, such as 人数统计."),
    name_option("--task-id", "Only frames of this camera."),
    since_option("Only frames that failed since: 30s, 15m, 2h, 3d."),
    until_option("Only frames that failed before: 30s, 15m, 2h, 3d."),
    click.option(
        "--reason",
        help="Only frames whose reason (code or arguments) contains this; case is ignored.",
    ),
    click.option(
        "--id",
        "ids",
        type=click.IntRange(1, 2**63 - 1),
        metavar="N",
        multiple=True,
        help="Only this frame; may be given again.",
    ),
    click.option("--dry-run", is_flag=True, help="Count and change nothing."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON."),
)


def requeue_options(command: F) -> F:
    """The options of both commands."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@click.command(epilog=EXAMPLES)
@requeue_options
def requeue(**options: Any) -> None:
    """Bring failed frames back to pending, with fresh attempts.

    Their pictures stay where they are kept; the next scan wakes the workers, a second later at
    most. Frames whose picture is being moved, or is gone, are left alone and counted.
    """
    run(opened, **options)


def run(
    open_it: Callable[[], AbstractContextManager[Runtime]],
    *,
    state: str,
    task_type: str | None,
    task_id: str | None,
    since: Moment | None,
    until: Moment | None,
    reason: str | None,
    ids: tuple[int, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Requeue with the runtime of `open_it`, print the result and set the exit code."""
    # Imported here: celery loads this module at each call.
    from easyai.db.frames import FrameFilter
    from easyai.domain.frame import FrameState
    from easyai.pipeline.requeue import preview
    from easyai.pipeline.requeue import requeue as requeue_frames

    with open_it() as runtime:
        begin, end = span(runtime.db, since, until)
        wanted = FrameFilter(FrameState(state), task_type, task_id, begin, reason, ids, end)
        report = preview(runtime, wanted) if dry_run else requeue_frames(runtime, wanted)
        settings = runtime.settings
    if as_json:
        print_json(_as_dict(report, dry_run))
    else:
        _print_report(report, dry_run, len(set(ids)), settings)
    if not report.matched:
        click.get_current_context().exit(1)


def _as_dict(report: RequeueReport, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "requeued": report.requeued,
        "by_task_type": report.by_task_type,
        "picture_moving": report.moving,
        "picture_gone": report.gone,
    }


def _print_report(report: RequeueReport, dry_run: bool, asked: int, settings: Settings) -> None:
    from easyai.messages.wording import counted
    from easyai.settings.commands import easyai_command

    if report.requeued:
        number = counted(report.requeued, "failed frame")
        click.echo(f"{'would requeue' if dry_run else 'requeued'} {number}")
        _print_types(report)
    if report.moving:
        click.echo(
            f"left alone: {report.moving} whose picture is just being moved; "
            "run the command again in a few seconds"
        )
    if report.gone:
        click.echo(f"left alone: {report.gone} whose picture is gone; nothing is left to requeue")
    if report.matched < asked:
        click.echo(
            f"no failed frame that matches: {asked - report.matched} of the ids given", err=True
        )
    elif not report.matched:
        command = easyai_command(settings, "frames", "--state", "failed")
        click.echo(f"no failed frame matches; see `{command}`", err=True)


def _print_types(report: RequeueReport) -> None:
    table = new_table("TYPE", "FRAMES", right=("FRAMES",))
    for task_type, number in sorted(report.by_task_type.items()):
        table.add_row(cell(task_type), cell(number))
    print_table(table)
