"""``celery -A easyai requeue``: the requeue command inside Celery's own."""

from __future__ import annotations

from functools import partial
from typing import Any

import click
from celery.bin.base import CeleryCommand, handle_preload_options

from easyai.cli.main import CommandFailedError
from easyai.cli.output import opened
from easyai.cli.requeue_command import requeue_options, run
from easyai.errors import EasyaiError

EXAMPLES = """\b
Examples:
  celery -A easyai requeue --task-type 人数统计 --state failed --since 2h
  celery -A easyai requeue --since 3h --until 1h
  celery -A easyai requeue --dry-run    count the failed frames, change nothing

\b
Settings: EASYAI_CONFIG names the file, EASYAI_DATABASE_URL the database.
Exit code: 0 requeued, 1 no failed frame matches, 2 usage or configuration.
"""


@click.command("requeue", cls=CeleryCommand, epilog=EXAMPLES)
@requeue_options
@click.pass_context
@handle_preload_options  # type: ignore[untyped-decorator]
def celery_requeue(ctx: click.Context, **options: Any) -> None:
    """Bring failed frames of easyai back to pending.

    Workers are woken at once."""
    _require_our_app(ctx.obj.app)
    # Imported here: celery loads this module at each call, whatever the command.
    from easyai.tasks.doorbell import open_ringing_runtime

    try:
        run(lambda: opened(partial(open_ringing_runtime, ctx.obj.app)), **options)
    except EasyaiError as error:
        raise CommandFailedError(str(error)) from error


def _require_our_app(app: Any) -> None:
    # Without -A celery uses an app of its own, and the wakes would reach no worker.
    if app.main != "easyai":
        raise CommandFailedError("requeue works on the easyai application: add -A easyai to celery")
