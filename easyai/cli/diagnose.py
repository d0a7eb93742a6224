"""``easyai diagnose``: writes the incident report by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from easyai.cli.output import missing_database, print_json

if TYPE_CHECKING:
    from easyai.domain.words import Language

EXAMPLES = """\b
Examples:
  easyai diagnose                       what is wrong, why, and what to do
  easyai diagnose --lang zh             in Chinese
  easyai diagnose --no-probes           ask no service now
  easyai diagnose --json | jq -r '.causes[].code'
  easyai diagnose > incident.md         Markdown, for a ticket or a mail

\b
Works when the database, the API or everything else is down.
Settings: EASYAI_CONFIG names the file, EASYAI_DATABASE_URL the database.
Exit code: 0 all is well, 1 something is wrong, 2 usage or configuration.
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--lang", type=click.Choice(("en", "zh")), default="en", show_default=True, help="Language."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--probes/--no-probes", default=True, show_default=True, help="Ask every service now."
)
def diagnose(lang: Language, as_json: bool, probes: bool) -> None:
    """Say whether inference goes on; if not: since when, why, with what evidence, what to do.

    Looks at processes, database, broker, store, disk, clock, bus, queues, breakers and services,
    probes every service now, and tells what changed around the stop. Takes a second, up to 10 s
    when things hang.
    """
    # Imported here: wrong options and --help are answered without them.
    from easyai.health.diagnosis import diagnose as look
    from easyai.health.diagnosis import without_database
    from easyai.health.report.as_json import as_json as to_json
    from easyai.health.report.as_markdown import markdown
    from easyai.runtime import open_runtime
    from easyai.settings import SettingsSource
    from easyai.tasks.broker_check import BrokerCheck

    source = SettingsSource()
    missing = missing_database(source.current())
    if missing:
        # Looking must not create the file.
        found = without_database(source.current(), missing)
    else:
        runtime = open_runtime(source, looking=True)
        try:
            found = look(runtime, BrokerCheck(runtime), probes=probes)
        finally:
            runtime.close()
    if as_json:
        print_json(to_json(found, lang))
    else:
        click.echo(markdown(found, lang), nl=False)
    if not found.well:
        click.get_current_context().exit(1)
