"""``easyai diagnose``: makes the incident report without the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from easyai.cli.output import missing_database, print_json
from easyai.domain.reason import Reason
from easyai.errors import DatabaseForbiddenError, SettingsError
from easyai.messages.catalogue import ENGLISH, languages, text
from easyai.settings.find_installation import find_installation

if TYPE_CHECKING:
    from easyai.diagnosis.contents import Diagnosis
    from easyai.runtime import Runtime
    from easyai.settings.schema import Settings
    from easyai.settings.source import SettingsSource

EXAMPLES = """\b
Examples:
  easyai diagnose                       what is wrong, why, and what to do
  easyai diagnose --short               the same in 15 lines at most
  easyai diagnose --lang zh             in Chinese
  easyai diagnose --no-probes           probe no service now
  easyai diagnose --json | jq -r '.causes[].code'
  easyai diagnose > incident.md         Markdown, for a ticket or a mail

\b
Works when the database, the API or everything else is down, and with mistakes in the settings
file: the command names a key whose value does not fit, and uses its default. If the file is
missing, emptied or no TOML, the command uses the last good settings, which `up` keeps in its data
folder. If this command finds no database but an API answers, it shows the report of the API.
Settings: EASYAI_CONFIG names the file, EASYAI_DATABASE_URL the database.
Exit code: 0 all is well, 1 something is wrong, 2 usage or configuration.
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--lang", type=click.Choice(languages()), default=ENGLISH, show_default=True, help="Language."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--short", "in_short", is_flag=True, help="At most 15 lines: only what is not well.")
@click.option(
    "--probes/--no-probes", default=True, show_default=True, help="Probe every service now."
)
def diagnose(lang: str, as_json: bool, in_short: bool, probes: bool) -> None:
    """Show whether inference goes on; if not, since when, why, the evidence, and what to do.

    Looks at processes, database, broker, store, disk, clock, bus, queues, breakers and services,
    probes every service now, and lists the changes around the stop. Takes a second, up to 10 s
    when things hang.
    """
    # Imported here, as below: a wrong option and --help need none of these modules.
    from easyai.diagnosis.report.as_json import as_json as to_json
    from easyai.diagnosis.report.as_markdown import markdown
    from easyai.diagnosis.report.as_short import short
    from easyai.settings.last_good import LAST_GOOD
    from easyai.settings.partial import of_variables
    from easyai.settings.source import SettingsSource

    if in_short and as_json:
        raise click.UsageError("--short and --json exclude each other: JSON is always whole.")
    find_installation()
    try:
        source = SettingsSource(in_part=True)
        missing = missing_database(source.current())
        # A command that only reads must not create the file.
        runtime = None if missing else _opened(source)
    except SettingsError as error:
        click.echo(f"easyai: {text(error.reason, lang)}", err=True)
        if _print_report_of_api(of_variables(), lang, probes, as_json, in_short):
            return
        if not isinstance(error, DatabaseForbiddenError):
            _print_unknown(lang)
        raise click.exceptions.Exit(2) from error
    if source.fault:
        fault = source.fault
        if fault.code != LAST_GOOD:  # the last good file has every key
            fault = Reason.of("settings.with_defaults", fault=fault)
        click.echo(f"easyai: {text(fault, lang)}", err=True)
    if missing and _print_report_of_api(source.current(), lang, probes, as_json, in_short):
        return
    diagnosis = _found(source, missing, runtime, probes)
    if as_json:
        print_json(to_json(diagnosis, lang))
    else:
        click.echo(short(diagnosis, lang) if in_short else markdown(diagnosis, lang), nl=False)
    if not diagnosis.well:
        click.get_current_context().exit(1)


def _opened(source: SettingsSource) -> Runtime:
    from easyai.runtime import open_runtime

    return open_runtime(source, make_folder=False)


def _found(
    source: SettingsSource, missing: str, runtime: Runtime | None, probes: bool
) -> Diagnosis:
    from easyai.broker.broker_check import BrokerCheck
    from easyai.diagnosis.contents import diagnose as examine
    from easyai.diagnosis.contents import without_database

    if runtime is None:
        return without_database(source.current(), missing, source.fault)
    try:
        return examine(runtime, BrokerCheck(lambda: runtime.settings), probes=probes)
    finally:
        runtime.close()


def _print_report_of_api(
    settings: Settings, lang: str, probes: bool, as_json: bool, in_short: bool
) -> bool:
    """Print the report of the API at the address; return whether an API gave a report."""
    from easyai.cli.api_client import ApiClient

    api = ApiClient(settings)
    report = api.diagnosis(lang, probes) if api.answers() else None
    text = "" if as_json or report is None else api.diagnosis_text(lang, probes, in_short=in_short)
    if report is None or not (as_json or text):
        return False
    click.echo(f"easyai: this is the report of the API at {api.url}", err=True)
    if as_json:
        print_json(report)
    else:
        click.echo(text, nl=False)
    if report["status"] != "well":
        click.get_current_context().exit(1)
    return True


def _print_unknown(lang: str) -> None:
    """Print the remedy when the settings name no database that answers."""
    from easyai.settings.commands import easyai_command
    from easyai.settings.schema import Settings

    check = easyai_command(Settings(), "config", "check")
    click.echo(text(Reason.of("diagnose.settings_unreadable", check=check), lang), err=True)
