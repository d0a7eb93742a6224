"""``easyai alarms``: the current and the past alarms, and whether alarms reach anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from easyai.cli.output import (
    cell,
    duration,
    iso,
    moment,
    new_table,
    opened,
    print_json,
    print_table,
)
from easyai.db import alarms as alarms_db
from easyai.db import clock
from easyai.messages.catalogue import fields, text

if TYPE_CHECKING:
    from easyai.cli.alarm_trial import Outcome
    from easyai.db.alarms import AlarmRow

EXAMPLES = """\b
Examples:
  easyai alarms                         alarms that ring now, then alarms that are over
  easyai alarms --json | jq -r '.alarms[] | select(.ringing).kind'
  easyai alarms test                    does an alarm reach the bus and the people?

\b
Settings: EASYAI_CONFIG names the file, EASYAI_DATABASE_URL the database.
Exit code: 0 nothing rings, 1 an alarm rings, 2 usage or configuration.
"""
TEST_EXAMPLES = """\b
Examples:
  easyai alarms test
  easyai alarms test --json | jq '.channels[] | select(.state == "failed")'

\b
Settings: ai_analysis.notify_urls are the people, ai_analysis.mq_type the bus.
Exit code: 0 every configured channel worked, 1 a channel failed, 2 usage or configuration.
"""
_STYLES: Final = {"worked": "green", "failed": "red", "not set": "dim"}


@click.group(epilog=EXAMPLES, invoke_without_command=True)
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    metavar="N",
    default=20,
    show_default=True,
    help="At most N alarms.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def alarms(ctx: click.Context, limit: int, as_json: bool) -> None:
    """Show the system alarms: alarms that ring, then alarms that are over.

    BEGAN: when the trouble began. NOTIFIED: when people were first notified. LASTED: the time from
    the beginning of the trouble to its end, or until now.
    """
    if ctx.invoked_subcommand is not None:
        return
    with opened() as runtime, runtime.db.read() as conn:
        rows, now = alarms_db.latest(conn, limit), clock.now(conn)
    if as_json:
        print_json({"alarms": [_as_dict(row, now) for row in rows]})
    else:
        _print(rows, now)
    if any(row.over_at is None for row in rows):
        ctx.exit(1)


def _as_dict(row: AlarmRow, now: float) -> dict[str, Any]:
    cause = alarms_db.cause_of(row)
    return {
        "kind": row.kind,
        "subject": row.subject,
        "cause": row.cause,
        "cause_code": cause.code or None,
        "cause_args": cause.as_json()["args"] if cause else None,
        "ringing": row.over_at is None,
        "began_at": iso(row.began_at),
        "raised_at": iso(row.raised_at),
        "told_at": iso(row.told_at),
        "over_at": iso(row.over_at),
        "lasted_sec": round(_lasted_sec(row, now), 1),
    }


def _lasted_sec(row: AlarmRow, now: float) -> float:
    """Seconds that the trouble lasted; until `now` while the trouble goes on."""
    ended_at = now if row.over_at is None else row.over_at
    return float(ended_at - row.began_at)


def _print(rows: list[AlarmRow], now: float) -> None:
    if not rows:
        click.echo("no alarm rings, and no alarm has rung", err=True)
        return
    columns = ("BEGAN", "LASTED", "NOTIFIED", "KIND", "SUBJECT", "STATE", "CAUSE")
    table = new_table(*columns, right=("LASTED",))
    for row in rows:
        rings = row.over_at is None
        table.add_row(
            cell(moment(row.began_at)),
            cell(duration(_lasted_sec(row, now))),
            cell(moment(row.raised_at)),
            cell(row.kind),
            cell(row.subject),
            cell("ringing" if rings else "over", "red" if rings else ""),
            cell(row.cause),
        )
    print_table(table)


@alarms.command(epilog=TEST_EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def test(as_json: bool) -> None:
    """Send a test alarm through every channel and show which channels worked.

    Takes up to half a minute when the bus or somebody's mail server does not answer.
    """
    from easyai.cli.alarm_trial import send_test

    with opened() as runtime:
        outcomes = send_test(runtime)
    if as_json:
        print_json({"channels": [_outcome(outcome) for outcome in outcomes]})
    else:
        _print_outcomes(outcomes)
    if any(outcome.state == "failed" for outcome in outcomes):
        click.get_current_context().exit(1)


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {**outcome._asdict(), **fields("why", outcome.why)}


def _print_outcomes(outcomes: list[Outcome]) -> None:
    table = new_table("CHANNEL", "STATE", "WHY")
    for outcome in outcomes:
        state = cell(outcome.state, _STYLES[outcome.state])
        table.add_row(cell(outcome.channel), state, cell(text(outcome.why)))
    print_table(table)
