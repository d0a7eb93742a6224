"""The data folder is not where it was: moved, deleted or replaced under running processes."""

from __future__ import annotations

import shlex

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.domain.words import Words
from easyai.health.facts import Facts


def data_moved(facts: Facts) -> Cause:
    """What is written goes to files that a restart will not find."""
    folder = facts.settings.easyai.data_dir.absolute()
    return Cause(
        "data_moved",
        Words(
            "The data folder was moved or deleted while easyai runs",
            "数据目录在 easyai 运行期间被移动或删除",
        ),
        (facts.why("data"),),
        (
            Remedy(
                Words(
                    "See where the database is that easyai has open, and what is there now",
                    "查看 easyai 打开的数据库现在的位置，以及原处现有的内容",
                ),
                "ls -l /proc/[0-9]*/fd 2>/dev/null | grep 'easyai[.]db' | sort -u; "
                f"ls -ld {shlex.quote(str(folder))}*",
            ),
            Remedy(
                Words(
                    "Stop easyai. Where a new folder stands in the place of the old one, move it "
                    "away first; then put the old folder (or a backup) there and start easyai",
                    "停止 easyai。若原处已有新建的目录，请先移走，"
                    "再将原目录（或备份）放回原处，然后启动 easyai",
                ),
                f"mv -T {shlex.quote(str(folder))} {shlex.quote(f'{folder}.new')}",
            ),
        ),
        weight=96,
    )
