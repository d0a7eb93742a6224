"""Folders whose frames are not taken in, as max_task_types task types are known."""

from __future__ import annotations

from collections.abc import Iterator

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.messages.reasons import reason
from easyai.settings.commands import easyai_command


def find(facts: Facts) -> Iterator[Cause]:
    """Said while there is no room; no alarm rings for it, and nothing is lost."""
    known, limit = facts.known, facts.settings.ai_analysis.max_task_types
    always = facts.settings.task_types
    if known is None or not known.types_refused:
        return
    if sum(one.name not in always for one in known.types) < limit:
        return  # there is room again
    yield Cause(
        "task_types_full",
        Words(
            f"Frames of some folders are not taken in: max_task_types = {limit} task types are "
            "known. They stay in the store until there is room",
            f"部分文件夹的图片未被接收：已知任务类型达到 max_task_types = {limit}。"
            "这些图片保留在存储中，有空位后再处理",
        ),
        (reason(known.types_refused),),
        (
            Remedy(
                Words(
                    "See whether the types known are what you expect: the first level below the "
                    "store, and task_types of services, must hold task types and nothing else. A "
                    "type that nothing names is forgotten after a day",
                    "检查已知的任务类型是否符合预期：存储的第一级目录和服务注册的 task_types "
                    "只应是任务类型。没有任何引用的类型一天后自动清除",
                ),
                easyai_command(facts.settings, "stats"),
            ),
            Remedy(
                Words(
                    "Where so many are meant, raise ai_analysis.max_task_types; types that the "
                    "settings name always have room",
                    "如确实需要这么多类型，请调大 ai_analysis.max_task_types；"
                    "配置文件中写明的类型总有空位",
                )
            ),
        ),
        weight=24,
    )
