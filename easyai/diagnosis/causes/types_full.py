"""Folders whose frames are not recorded, because max_task_types task types are known."""

from __future__ import annotations

from collections.abc import Iterator

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.domain.reason import Reason
from easyai.health.facts import Facts
from easyai.settings.commands import easyai_command


def find(facts: Facts) -> Iterator[Cause]:
    """The cause, while there is no place for a new type; it raises no alarm and loses nothing."""
    snapshot, limit = facts.snapshot, facts.settings.ai_analysis.max_task_types
    always = facts.settings.task_types
    if snapshot is None or not snapshot.types_refused:
        return
    if sum(task_type.name not in always for task_type in snapshot.types) < limit:
        return  # a place is free again
    yield Cause(
        "task_types_full",
        Reason.of("cause.task_types_full.title", limit=limit),
        (snapshot.types_refused,),
        (
            Remedy(
                Reason("cause.task_types_full.look"),
                easyai_command(facts.settings, "stats"),
            ),
            Remedy(Reason("cause.task_types_full.raise_limit")),
        ),
        weight=24,
    )
