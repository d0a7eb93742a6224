"""``easyai config``: checks the configuration, and shows each value with its source."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from easyai.cli.main import use_config
from easyai.cli.output import cell, new_table, print_json, print_table
from easyai.errors import EasyaiError
from easyai.messages.catalogue import fields, list_fields, text
from easyai.settings import installations
from easyai.settings.find_installation import find_installation

if TYPE_CHECKING:
    from easyai.domain.reason import Reason
    from easyai.settings.values_in_force import Value

EXAMPLES = """\b
Examples:
  easyai config check                   the file of EASYAI_CONFIG, and the environment
  easyai config check --config site.toml
  easyai config check --json | jq .warnings

\b
Each key has a variable, which wins over the file: EASYAI_AI_ANALYSIS__SCAN_INTERVAL_SEC for a
key of [ai_analysis], EASYAI_DATABASE_URL for one of [easyai].
Exit code: 0 valid, with or without warnings; 2 not valid.
"""


class Report(NamedTuple):
    """The facts that the command prints about a valid configuration."""

    file: str | None  # None: defaults and environment only
    unknown_keys: list[str]
    predecessor_keys: dict[str, str]  # keys without effect here, each with its remedy
    unknown_variables: list[str]
    open_to: list[Reason]  # who has which rights over REST
    warnings: list[Reason]
    values: list[Value]


@click.group(epilog=EXAMPLES)
def config() -> None:
    """Check and explain the configuration."""


@config.command(epilog=EXAMPLES)
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="EASYAI_CONFIG",
    show_envvar=True,
    help="The TOML settings file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(path: Path | None, as_json: bool) -> None:
    """Check the configuration; show the values in force, and who may do what over REST.

    Secrets are hidden. Keys of the predecessor that have no effect here are named, each with what
    to do instead. Other keys that easyai does not have belong to other plugins and are ignored.
    """
    use_config(path)
    find_installation(next_start=True)
    try:
        _refuse_emptied()
        report = _report()
    except EasyaiError as error:
        if not as_json:
            raise
        print_json({"valid": False, **fields("error", error.reason)})
        click.get_current_context().exit(2)
    if as_json:
        print_json({"valid": True, **_as_dict(report)})
    else:
        _print(report)


def _as_dict(report: Report) -> dict[str, Any]:
    return {
        **report._asdict(),
        **list_fields("open_to", report.open_to),
        **list_fields("warnings", report.warnings),
        "values": [value._asdict() for value in report.values],
    }


def _refuse_emptied() -> None:
    """Raise SettingsError when the file is empty and its installation has the last good text."""
    from easyai.settings.file import config_path, read
    from easyai.settings.last_good import COPY_NAME

    path = config_path()
    for installation in installations.known() if path else ():
        if path and installation.matches({installations.CONFIG: str(path)}):
            read(path, Path(installation.data_dir) / COPY_NAME)


def _report() -> Report:
    from easyai.cli.config_access import open_to
    from easyai.cli.config_warnings import warnings
    from easyai.cli.link_warnings import link_warnings
    from easyai.settings.addresses import check_broker_library
    from easyai.settings.file import config_path
    from easyai.settings.source import load_with_unknown
    from easyai.settings.values_in_force import effective_values, unknown_variables

    settings, unknown = load_with_unknown()
    check_broker_library(settings.easyai.broker_url)
    values = effective_values(settings, os.environ)
    path = config_path()
    return Report(
        str(path) if path else None,
        [entry.key for entry in unknown if not entry.meant and not entry.instead],
        {entry.key: entry.instead for entry in unknown if entry.instead},
        unknown_variables(values, os.environ),
        open_to(settings.easyai),
        [
            *(entry.warning() for entry in unknown if entry.meant),
            *warnings(settings),
            *link_warnings(settings),
        ],
        values,
    )


def _print(report: Report) -> None:
    table = new_table("KEY", "VALUE", "FROM")
    for value in report.values:
        table.add_row(cell(value.key), cell(value.value), cell(value.source))
    print_table(table)
    for title, names in (
        ("keys of other plugins, ignored", report.unknown_keys),
        ("variables that name no key, ignored", report.unknown_variables),
    ):
        if names:
            click.echo(f"\n{title}: {', '.join(names)}")
    if report.predecessor_keys:
        click.echo("\nkeys of the predecessor that have no effect here:")
    for key, instead in report.predecessor_keys.items():
        click.echo(f"  {key}: {instead}")
    click.echo("\nopen to:")
    for right in report.open_to:
        click.echo(f"  {text(right)}")
    for warning in report.warnings:
        click.echo(f"\nwarning: {text(warning)}")
    where = report.file or "no file: defaults and environment"
    click.echo(f"\nvalid: {where}")
