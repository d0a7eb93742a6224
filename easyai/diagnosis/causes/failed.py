"""Failed frames as evidence of a cause: their reasons, and how to bring the frames back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from easyai.diagnosis.causes.cause import Remedy
from easyai.domain.reason import Reason
from easyai.domain.verdict import LINK_BROKEN, words_of_service
from easyai.health.facts import Facts
from easyai.health.failing import failed_frames
from easyai.health.snapshot import TypeFacts
from easyai.settings.commands import easyai_command

_FEW: Final = 3
# Matches services' free-text errors that they could not fetch a picture.
_NOT_FETCHED: Final = re.compile(
    r"HTTPConnectionPool|Max retries exceeded|urlopen error"
    r"|(?:download|fetch|retriev).*(?:image|picture|frame|\burl\b|https?:|\.jpe?g|\.png)"
    r"|(?:image|picture|frame).*(?:download|fetch|retriev)"
    r"|(?:下载|拉取|获取).*图|图.*(?:下载|拉取|获取)",
    re.IGNORECASE | re.DOTALL,
)
_OF_A_MODEL: Final = re.compile(r"model|weights|模型|权重", re.IGNORECASE)


def only_failing(facts: Facts) -> list[TypeFacts]:
    """Task types whose frames all end failed, or are all refused while some wait."""
    return [
        task_type
        for task_type in facts.types
        if facts.only_fails(task_type) or facts.is_refused(task_type)
    ]


def blames_pictures(task_type: TypeFacts) -> bool:
    """Whether a type's frames mostly failed because their pictures could not be fetched."""
    reasons = task_type.failures.reasons or task_type.refusals.reasons
    parts = list(reasons[0][0].walk()) if reasons else []
    words = " ".join(map(words_of_service, parts))
    link_broken = any(part.code == LINK_BROKEN for part in parts)
    return (link_broken or bool(_NOT_FETCHED.search(words))) and not _OF_A_MODEL.search(words)


def failed_evidence(some: Sequence[TypeFacts]) -> Iterator[Reason]:
    """Why the frames of these types failed or wait, the most frequent reasons first."""
    return _failed_evidence(some[:_FEW])


def _failed_evidence(some: Sequence[TypeFacts]) -> Iterator[Reason]:
    for task_type in some:
        failures = task_type.failures
        for reason, count in failures.reasons:
            yield Reason.of("failed.reason", n=count, task_type=task_type.name, reason=reason)
        for reason, count in task_type.refusals.reasons:
            yield Reason.of("failed.refused", n=count, task_type=task_type.name, reason=reason)
        if failures.count:
            yield Reason.of(
                "failed.none_succeeded",
                task_type=task_type.name,
                failed=failed_frames([task_type]),
                first=failures.first_at,
                newest=failures.newest_at,
            )


def look_at_failed(facts: Facts, some: Sequence[TypeFacts]) -> Iterator[Remedy]:
    """The remedy: see the failed frames of these types with their reasons."""
    for task_type in [task_type for task_type in some if task_type.failed][:_FEW]:
        yield Remedy(
            Reason.of("failed.look", task_type=task_type.name),
            easyai_command(
                facts.settings, "frames", "--state", "failed", "--task-type", task_type.name
            ),
        )


def bring_back(facts: Facts, some: Sequence[TypeFacts]) -> Iterator[Remedy]:
    """The remedy: requeue the failed frames of these types once their cause is repaired."""
    for task_type in [task_type for task_type in some if task_type.failed][:_FEW]:
        again = Reason.of("failed.requeue", n=task_type.failed, task_type=task_type.name)
        yield Remedy(
            again,
            easyai_command(facts.settings, "requeue", "--task-type", task_type.name),
        )
