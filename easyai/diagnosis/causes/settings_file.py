"""A mistake in the settings file: what runs goes on without it, what starts does not start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.settings.commands import easyai_command

_DEFAULTS: Final = Words(
    "A report from the command line takes the default of a key that does not fit; for a file that "
    "is gone, emptied or no TOML it takes the last good settings, which `up` keeps in its data "
    "folder, as the other commands that read do; without them the report is that of the API",
    "命令行生成的报告对有误的配置项采用默认值；配置文件不存在、被清空或不是有效的 TOML 时，"
    "采用 `up` 在数据目录中保留的最近一份正确配置，其他只读命令也是如此；"
    "找不到时，由 API 给出报告",
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
            "The settings file has a mistake: what runs goes on with the old values, and so does "
            "what `up` starts again; whatever else is started now does not start",
            "配置文件有错误：正在运行的进程沿用旧的配置，由 `up` 重新拉起的进程也是如此；"
            "除此之外，新启动的进程无法启动",
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
