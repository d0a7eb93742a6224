"""``easyai alerts``: lists the alerts, which hold the detections."""

from __future__ import annotations

from typing import Any

import click

from easyai.cli.name_options import name_option
from easyai.cli.output import cell, moment, new_table, opened, print_json, print_table
from easyai.cli.since import Moment, since_option, span
from easyai.db import alert_lists
from easyai.db.alert_filter import AlertFilter
from easyai.db.alerts import AlertRow
from easyai.domain.alarm_as_alert import TASK_ID, system_text
from easyai.domain.alert import IMAGE_URL_TTL_SEC, alert_json
from easyai.runtime import Runtime

EXAMPLES = """\b
Examples:
  easyai alerts                         the newest alerts
  easyai alerts --task-type 人数统计 --since 2h --min-detections 3
  easyai alerts --task-id system        alarms of easyai itself
  easyai alerts --json | jq -r '.items[].image_url'

\b
Settings: EASYAI_CONFIG names the file, EASYAI_DATABASE_URL the database.
Exit code: 0 found, 1 no alert matches, 2 usage or configuration.
"""


@click.command(epilog=EXAMPLES)
@name_option("--task-type", "Only alerts of this type, such as 人数统计.")
@name_option("--task-id", "Only alerts of this camera; system: alarms of easyai itself.")
@click.option(
    "--min-detections",
    type=click.IntRange(0),
    metavar="N",
    help="Only alerts with at least N detections.",
)
@since_option("Only alerts saved since: 30s, 15m, 2h, 3d.")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    metavar="N",
    default=20,
    show_default=True,
    help="At most N alerts.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: alerts as the API gives them.")
def alerts(
    task_type: str | None,
    task_id: str | None,
    min_detections: int | None,
    since: Moment | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show alerts, newest first.

    With --json each alert has a link to its picture that is valid for a day.
    """
    with opened() as runtime:
        begin, _ = span(runtime.db, since)
        wanted = AlertFilter(task_id, task_type, min_detections, start_time=begin)
        with runtime.db.snapshot() as conn:
            rows, total, _ = alert_lists.page(conn, wanted, limit)
        if as_json:
            items = [_as_dict(row, runtime) for row in rows]
            print_json({"items": items, "total": total})
    if not as_json:
        _print(rows, total)
    if not rows:
        click.get_current_context().exit(1)


def _as_dict(row: AlertRow, runtime: Runtime) -> dict[str, Any]:
    path = row.image_path
    return alert_json(row._asdict(), runtime.store.url(path, IMAGE_URL_TTL_SEC) if path else "")


def _print(rows: list[AlertRow], total: int) -> None:
    if not rows:
        click.echo("no alert matches", err=True)
        return
    numbers = ("ID", "COUNT", "CONFIDENCE")
    names = ("ID", "SAVED", "TYPE", "CAMERA", "COUNT", "CONFIDENCE", "SERVICE", "PICTURE")
    table = new_table(*names, right=numbers)
    for row in rows:
        table.add_row(*_cells(row))
    print_table(table)
    if total > len(rows):
        click.echo(f"{len(rows)} of {total}; --limit shows more", err=True)


def _cells(row: AlertRow) -> list[Any]:
    # A system alert has no picture: show its message.
    text = system_text(row.result) if row.task_id == TASK_ID else row.result
    return [
        cell(row.id),
        cell(moment(row.created_at)),
        cell(row.task_type),
        cell(row.task_id),
        cell(row.detection_count),
        cell(f"{row.confidence:.2f}"),
        cell(row.algorithm_id),
        cell(row.image_path or text),
    ]
