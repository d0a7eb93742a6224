"""``easyai stats``: the rates of inference now, and the frames that wait for it."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from easyai.cli.output import (
    cell,
    moment,
    new_table,
    opened,
    print_json,
    print_table,
)
from easyai.db import clock, frames, leases, task_types
from easyai.errors import EasyaiError
from easyai.messages.wording import milliseconds
from easyai.pipeline.operator_statistics import inference_stats
from easyai.registry.views import load_balance

if TYPE_CHECKING:
    from easyai.runtime import Runtime

EXAMPLES = """\b
Examples:
  easyai stats
  easyai stats --watch 2                again every 2 seconds, until Ctrl-C
  easyai stats --json | jq .queue_size
  easyai stats --json --watch 10        one line of JSON every 10 seconds

\b
Settings: EASYAI_CONFIG names the file, EASYAI_DATABASE_URL the database.
Exit code: 0, or 2 for usage or configuration.
"""
_WAYS_IN: Final = {True: "at once: the frame folder is watched", False: "by the scan"}


@click.command(epilog=EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--watch",
    type=click.FloatRange(0.2, 3600),
    metavar="SEC",
    help="Show them again every SEC seconds, until Ctrl-C.",
)
def stats(as_json: bool, watch: float | None) -> None:
    """Show rates and sums of inference, and for each task type what waits, runs and has failed.

    Look first at a type that has waiting or parked frames and no service. Parked frames wait until
    a service of their type takes work again; newly found frames go before them.
    """
    with opened() as runtime:
        if watch is None:
            _show(_read(runtime), as_json, indent=2)
            return
        try:
            _watch(runtime, watch, as_json)
        except KeyboardInterrupt:
            return


def _watch(runtime: Runtime, every_sec: float, as_json: bool) -> None:
    while True:
        try:
            current = _read(runtime)
        except EasyaiError as error:
            if not error.retryable:
                raise
            click.echo(f"easyai: {error}; trying again", err=True)
        else:
            if sys.stdout.isatty() and not as_json:
                click.clear()
            _show(current, as_json, indent=None)
        time.sleep(every_sec)


def _read(runtime: Runtime) -> dict[str, Any]:
    """The sums of the API, with `task_types`: frames by state and services that take work."""
    balance = load_balance(runtime)["load_balance"]
    with runtime.db.read() as conn:
        counts = frames.counts(conn)
        names = task_types.names(conn)
        watch, now = leases.all_leases(conn).get("watch"), clock.now(conn)
    types = {}
    for name in sorted({*names, *counts}):
        by_state = counts.get(name, {})
        types[name] = {
            "waiting": by_state.get("pending", 0),
            "parked": by_state.get("parked", 0),
            "leased": by_state.get("leased", 0),
            "failed": by_state.get("failed", 0),
            "services": balance.get(name, {}).get("total_services", 0),
            "rate_limit": runtime.settings.ai_analysis.type_settings(name).rate_limit,
        }
    watched = watch is not None and watch.expires_at > now
    return inference_stats(runtime) | {"task_types": types, "folder_watched": watched}


def _show(current: dict[str, Any], as_json: bool, indent: int | None) -> None:
    if as_json:
        print_json(current, indent)
        return
    _print_sums(current)
    if current["task_types"]:
        click.echo()
        _print_types(current["task_types"])


def _print_sums(current: dict[str, Any]) -> None:
    for label, value in _sums(current):
        click.echo(f"{label:<12}{value}")


def _sums(current: dict[str, Any]) -> list[tuple[str, str]]:
    now, dropped = current, current["dropped_by_reason"]
    return [
        (
            "waiting",
            f"{now['queue_size']} of {now['queue_max_size']}, {now['parked']} of them parked; "
            f"when full: {now['strategy']}",
        ),
        ("in flight", f"{now['active_inferences']} of {now['max_concurrent_infer']}"),
        (
            "a second",
            f"{now['request_rate_per_sec']:.1f} requests, {now['response_rate_per_sec']:.1f} "
            f"answers, {now['success_rate_per_sec']:.1f} results",
        ),
        (
            "inferences",
            f"{now['success_inferences']} good, {now['failed_inferences']} failed; "
            f"{milliseconds(now['avg_inference_ms'])} mean, "
            f"{milliseconds(now['max_inference_ms'])} longest",
        ),
        (
            "frames",
            f"{now['processed_total']} processed, {now['sampled_total']} sampled out, "
            f"{now['superseded_total']} superseded, {now['discarded_total']} discarded",
        ),
        (
            "dropped",
            f"{now['dropped_total']}: {dropped['queue_full']} queue full, "
            f"{dropped['too_old']} too old, {dropped['disk_low']} disk low",
        ),
        (
            "moves",
            f"{now['minio_move_success']} good, {now['minio_move_failed']} failed; "
            f"{milliseconds(now['minio_move_avg_time_ms'])} mean",
        ),
        ("new frames", _WAYS_IN[now["folder_watched"]]),
        ("changed", moment(datetime.fromisoformat(now["updated_at"]).timestamp())),
    ]


def _print_types(types: dict[str, dict[str, Any]]) -> None:
    limited = any(row["rate_limit"] for row in types.values())
    numbers = ("WAITING", "PARKED", "LEASED", "FAILED", "SERVICES", *(["RATE"] if limited else []))
    table = new_table("TYPE", *numbers, right=numbers)
    for name, row in types.items():
        stuck = (row["waiting"] or row["parked"]) and not row["services"]
        rate = [cell(row["rate_limit"] or "-")] if limited else []
        table.add_row(
            cell(name),
            cell(row["waiting"], "bold red" if stuck else ""),
            cell(row["parked"], "magenta" if row["parked"] else ""),
            cell(row["leased"]),
            cell(row["failed"], "yellow" if row["failed"] else ""),
            cell(row["services"], "bold red" if stuck else ""),
            *rate,
        )
    print_table(table)
