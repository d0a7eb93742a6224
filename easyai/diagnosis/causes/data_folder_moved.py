"""The data folder is not where it was: moved, deleted or replaced under running processes."""

from __future__ import annotations

import shlex

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.domain.reason import Reason
from easyai.health.facts import Facts


def data_moved(facts: Facts) -> Cause:
    """The cause: the processes write to files that a restart will not find."""
    folder = facts.settings.easyai.data_dir.absolute()
    return Cause(
        "data_moved",
        Reason("cause.data_moved.title"),
        (facts.failed("data"),),
        (
            Remedy(
                Reason("remedy.see_open_database"),
                "ls -l /proc/[0-9]*/fd 2>/dev/null | grep 'easyai[.]db' | sort -u; "
                f"ls -ld {shlex.quote(str(folder))}*",
            ),
            Remedy(
                Reason("remedy.put_data_folder_back"),
                f"mv -T {shlex.quote(str(folder))} {shlex.quote(f'{folder}.new')}",
            ),
        ),
        weight=96,
    )
