"""``easyai watchdog``: the process that watches all others, alone."""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from easyai.health.checks.named_check import Check
    from easyai.runtime import Runtime

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
    from easyai.process.supervisor_link import die_with_parent
    from easyai.runtime import open_runtime
    from easyai.system import logs

    die_with_parent()
    logs.set_up()
    logging.getLogger("alembic").setLevel(logging.WARNING)  # alembic logs every step of a check
    runtime = open_runtime()
    checks = _Checks(runtime)
    dog = Watchdog(runtime, checks.now, Timings())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: dog.stop())
    dog.run()


class _Checks:
    """The checks that run every few seconds, because they cost little time and memory."""

    def __init__(self, runtime: Runtime) -> None:
        from easyai.broker.broker_check import BrokerCheck
        from easyai.health.checks.data_folder import DataFolderCheck
        from easyai.health.checks.dependencies import SettingsCheck, readiness_checks
        from easyai.health.checks.disk import DiskCheck

        self._runtime = runtime
        self._always = [
            *readiness_checks(runtime, BrokerCheck(lambda: runtime.settings)),
            DiskCheck(runtime),
            DataFolderCheck(runtime),
            SettingsCheck(runtime),
        ]
        self._bus: list[Check] = []

    def now(self) -> list[Check]:
        """The checks to run now; the bus only if set, because its client needs much memory."""
        analysis = self._runtime.settings.ai_analysis
        if analysis.has_bus and not self._bus:
            from easyai.publish.bus_check import BusCheck

            self._bus.append(BusCheck(lambda: self._runtime.settings.ai_analysis))
        return [*self._always, *(self._bus if analysis.has_bus else ())]
