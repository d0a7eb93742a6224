"""``easyai watchdog``: the process that watches all others, alone."""

from __future__ import annotations

import logging
import signal

import click

EXAMPLES = """\b
Examples:
  easyai watchdog                       beside workers, beats and API servers
  easyai --config site.toml watchdog

\b
Exit codes: 0 stopped by Ctrl-C or SIGTERM, 2 wrong settings.
"""


@click.command(epilog=EXAMPLES)
def watchdog() -> None:
    """Alert when inference stands still, and show why: one process, until Ctrl-C or SIGTERM.

    Alarms go to the alerts table, the bus, the log and the people of notify_urls. `easyai up` runs
    a watchdog by itself. Several may run: one watchdog alerts, another takes over when it dies.
    """
    # Imported here: help and wrong options do not need it.
    from easyai.alarms.timings import Timings
    from easyai.alarms.watchdog import Watchdog
    from easyai.broker.broker_check import BrokerCheck
    from easyai.health.checks.data_folder import DataFolderCheck
    from easyai.health.checks.dependencies import watched_checks
    from easyai.process.supervisor_link import die_with_parent
    from easyai.runtime import open_runtime
    from easyai.system import logs

    die_with_parent()
    logs.set_up()
    logging.getLogger("alembic").setLevel(logging.WARNING)  # alembic logs every step of a check
    runtime = open_runtime()
    runtime.part(DataFolderCheck)  # later checks compare with the folder as it is now
    broker = BrokerCheck(lambda: runtime.settings)
    dog = Watchdog(runtime, lambda: watched_checks(runtime, broker), Timings())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: dog.stop())
    dog.run()
