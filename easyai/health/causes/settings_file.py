"""A mistake in the settings file: what runs goes on without it, what starts does not start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from easyai.domain.words import Words
from easyai.health.causes.cause import Cause, Remedy, easyai_command
from easyai.health.facts import Facts

_DEFAULTS: Final = Words(
    "A report from the command line is made with the defaults in their place",
    "命令行生成的报告对这些配置项采用默认值",
)


def find(facts: Facts) -> Iterator[Cause]:
    """The mistake, above all else where no worker is seen: it may be why none starts."""
    if not facts.failed("settings"):
        return
    known = facts.known
    runs = bool(known and not facts.failed("database") and known.working("worker", facts.now))
    yield Cause(
        "settings_invalid",
        Words(
            "The settings file has a mistake: what runs goes on with the old values, "
            "and what is started now does not start",
            "配置文件有错误：正在运行的进程沿用旧的配置，新启动的进程无法启动",
        ),
        (facts.why("settings"), _DEFAULTS),
        (
            Remedy(
                Words(
                    "Correct it; what runs takes it within a second. This says when it is right",
                    "更正配置文件；正在运行的进程一秒内生效。用此命令检查是否正确",
                ),
                easyai_command(facts.settings, "config", "check"),
            ),
        ),
        weight=30 if runs else 97,
    )
