"""``easyai services``: the algorithm services, their state and why."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import click

from easyai.cli.output import cell, console, duration, new_table, opened, print_json, print_table
from easyai.db import clock, ledger, service_results
from easyai.db import services as services_db
from easyai.domain.actor import Actor
from easyai.domain.reason import Reason
from easyai.domain.service import ROUTABLE
from easyai.masking import hide_credentials
from easyai.messages.catalogue import fields, text
from easyai.messages.wording import milliseconds
from easyai.registry import registration
from easyai.registry.approval import WAITING
from easyai.registry.views import service_list

if TYPE_CHECKING:
    from easyai.runtime import Runtime

EXAMPLES = """\b
Examples:
  easyai services                       services that can take work now
  easyai services --all                 offline and unregistered services too, and why
  easyai services --json | jq -r '.services[].endpoint'
  easyai services approve yolo_1        a service that waits for approval (registration = "approve")

\b
Settings: EASYAI_CONFIG names the file, EASYAI_DATABASE_URL the database.
Exit code: 0 found, 1 no service to show, 2 usage or configuration.
"""

_NUMBERS: Final = ("IN FLIGHT", "CALLS", "FAILED", "LAST SUCCESS", "LATENCY", "HEARTBEAT")
_COLUMNS: Final = ("SERVICE", "ENDPOINT", "STATE", "REASON", *_NUMBERS, "TYPES")
_NARROW_COLUMNS: Final = ("SERVICE", "ENDPOINT", "STATE", "REASON")
_WIDE: Final = 150  # characters
_NONE: Final = service_results.Results()
_STYLES: Final = {
    "online": "green",
    "suspect": "yellow",
    "offline": "red",
    "unregistered": "dim",
    WAITING: "yellow",
}
# The numbers of a service that waits for approval.
_NOTHING_YET: Final = {
    "in_flight": 0,
    "max_concurrency": None,
    "failed_frames": 0,
    "last_success_at": None,
    "failed_since_success": 0,
    **fields("last_refusal", None),
    "heartbeat_overdue": False,
    "avg_response_ms": None,
}


@click.group(epilog=EXAMPLES, invoke_without_command=True)
@click.option(
    "--all", "everything", is_flag=True, help="Offline, waiting, unregistered services too."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def services(context: click.Context, everything: bool, as_json: bool) -> None:
    """Show the algorithm services, one line for each endpoint.

    Online: takes work, unless its breaker is open because calls failed; then one trial call goes to
    it at the end of each pause. Suspect: its heartbeats are missing, or its calls fail though
    heartbeats of its id arrive; it is probed, and used last. Offline: its probes fail too; the
    first sign of life brings it back. Unregistered: removed by request. Waiting: gets no frames
    until you approve it.

    FAILED: how many of CALLS failed or were refused. LAST SUCCESS: the last result of the endpoint
    among the newest 20,000 frames. REASON shows how many calls have failed since, and why.
    """
    if context.invoked_subcommand is not None:
        return
    with opened() as runtime:
        known, now = _read(runtime)
    shown = [service for service in known if everything or service["state"] in ROUTABLE]
    if as_json:
        print_json({"services": shown, "total": len(shown)})
    else:
        _print(shown, len(known) - len(shown), now)
    if not shown:
        click.get_current_context().exit(1)


@services.command(epilog=EXAMPLES)
@click.argument("name", metavar="ID")
def approve(name: str) -> None:
    """Approve a service that waits for approval, by service_id or endpoint."""
    with opened() as runtime:
        endpoints = registration.approve(runtime, name, by=Actor(f"uid {os.getuid()}", local=True))
    for endpoint in endpoints:
        click.echo(f"approved: {hide_credentials(endpoint)}")


def _read(runtime: Runtime) -> tuple[list[dict[str, Any]], float]:
    """Every service as the API lists it, with numbers of the database; and the time of reading."""
    known: list[dict[str, Any]] = service_list(runtime, everything=True)["services"]
    timeout_sec = runtime.settings.ai_analysis.heartbeat_timeout_sec
    with runtime.db.read() as conn:
        now = clock.now(conn)
        rows = {hide_credentials(row.endpoint): row for row in services_db.all_services(conn)}
        in_flight: dict[int, int] = {}
        for pk, _, count in ledger.in_flight(conn):
            in_flight[pk] = in_flight.get(pk, 0) + count
        results = service_results.by_service(conn)
    for service in known:
        if service["state"] == WAITING:
            service |= _NOTHING_YET
            continue
        row = rows[service["endpoint"]]
        service["in_flight"] = in_flight.get(row.pk, 0)
        service["max_concurrency"] = row.max_concurrency
        result = results.get(row.pk, _NONE)
        service["failed_frames"] = result.failures
        service["last_success_at"] = int(result.succeeded_at) or None
        service["failed_since_success"] = result.since_success
        service |= fields("last_refusal", result.reason or None)
        allowed_sec = row.heartbeat_timeout_sec or timeout_sec
        service["heartbeat_overdue"] = service["heartbeat_age_sec"] > allowed_sec
        service["avg_response_ms"] = None if row.ewma_ms is None else round(row.ewma_ms, 3)
    return known, now


def _print(shown: list[dict[str, Any]], hidden: int, now: float) -> None:
    if shown:
        _print_table(shown, now)
    else:
        click.echo("no algorithm service can take work now", err=True)
    if hidden:
        click.echo(
            f"{hidden} more, offline, waiting or unregistered: --all shows them",
            err=True,
        )
    elif not shown:
        click.echo("no service has ever registered: POST /api/v1/ai_analysis/register", err=True)


def _print_table(shown: list[dict[str, Any]], now: float) -> None:
    # A narrow terminal shows only the columns that an operator needs first, wide enough to read.
    names = _COLUMNS if console().width >= _WIDE else _NARROW_COLUMNS
    table = new_table(*names, right=_NUMBERS)
    for service in shown:
        cells = _cells(service, now)
        table.add_row(*(cells[name] for name in names))
    print_table(table)


def _cells(service: dict[str, Any], now: float) -> dict[str, Any]:
    limit, latency = service["max_concurrency"], service["avg_response_ms"]
    failed = sum(service["failed_calls"].values())
    return {
        "SERVICE": cell(service["service_id"]),
        "ENDPOINT": cell(service["endpoint"]),
        "STATE": cell(service["state"], _STYLES.get(service["state"], "")),
        "REASON": cell(_reason(service, now)),
        "IN FLIGHT": cell(f"{service['in_flight']}/{limit}" if limit else service["in_flight"]),
        "CALLS": cell(service["call_count"]),
        "FAILED": cell(failed, "red" if service["failed_since_success"] else ""),
        "LAST SUCCESS": cell(_ago(service["last_success_at"], now)),
        "LATENCY": cell(None if latency is None else milliseconds(latency)),
        "HEARTBEAT": cell(f"{duration(service['heartbeat_age_sec'])} ago"),
        "TYPES": cell(", ".join(service["task_types"])),
    }


def _failing(service: dict[str, Any]) -> str:
    """Why the last calls of a service whose breaker is closed failed; '' when none failed."""
    number, why = service["failed_since_success"], service["last_refusal"]
    if not number:
        return ""
    calls = Reason.of(
        "service.last_calls_failed", n=number, why=why or Reason("service.no_reason_known")
    )
    return f"; {text(calls)}"


def _ago(at: float | None, now: float) -> str:
    return f"{duration(now - at)} ago" if at else "never"


def _reason(service: dict[str, Any], now: float) -> str:
    """Why the service is in its state, and why a service in a good state gets no frames."""
    if service["state"] == WAITING:
        return f"{service['state_reason']}; asked {duration(now - service['state_since'])} ago"
    sentence = f"{service['state_reason']} {duration(now - service['state_since'])} ago"
    if service["heartbeat_overdue"] and service["state"] == "online":
        sentence += f"; no heartbeat for {duration(service['heartbeat_age_sec'])}"
    if service["breaker"] == "closed":
        return sentence + _failing(service)
    pause = f", next trial in {duration(service['breaker_trial_in_sec'])}" * (
        service["breaker"] == "open"
    )
    failed = service["last_failure"] or "no reason known"
    return f"{sentence}; breaker {service['breaker']}{pause}: {failed}"
