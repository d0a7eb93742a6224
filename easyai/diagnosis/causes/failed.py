"""What frames that ended failed tell of a cause: their reasons, and how to bring them back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from easyai.diagnosis.causes.cause import Remedy
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.failing import failed_frames
from easyai.health.snapshot import TypeFacts
from easyai.messages.bridge import words
from easyai.messages.reasons import reason as said
from easyai.messages.wording import frames, moment
from easyai.settings.commands import easyai_command

_FEW: Final = 3
# In the words of services, which are anybody's: that they did not get a picture.
_NOT_FETCHED: Final = re.compile(
    r"picture link does not work|HTTPConnectionPool|Max retries exceeded|urlopen error"
    r"|(?:download|fetch|retriev).*(?:image|picture|frame|\burl\b|https?:|\.jpe?g|\.png)"
    r"|(?:image|picture|frame).*(?:download|fetch|retriev)"
    r"|(?:下载|拉取|获取).*图|图.*(?:下载|拉取|获取)",
    re.IGNORECASE | re.DOTALL,
)
_OF_A_MODEL: Final = re.compile(r"model|weights|模型|权重", re.IGNORECASE)


def only_failing(facts: Facts) -> list[TypeFacts]:
    """Task types whose frames all end failed, or are all refused while some wait."""
    return [one for one in facts.types if facts.only_fails(one) or facts.is_refused(one)]


def blames_pictures(one: TypeFacts) -> bool:
    """Whether most of a type's failed frames failed since their picture could not be fetched."""
    reasons = one.failures.reasons or one.refusals.reasons
    reason = reasons[0][0] if reasons else ""
    return bool(_NOT_FETCHED.search(reason)) and not _OF_A_MODEL.search(reason)


def failed_evidence(some: Sequence[TypeFacts]) -> Iterator[Words]:
    """Why the frames of these types failed or wait, the most frequent reasons first."""
    for one in some[:_FEW]:
        failures = one.failures
        for reason, count in failures.reasons:
            number = frames(count)
            yield Words(
                f"{number.en} of {one.name} failed with: {reason}",
                f"“{one.name}”的 {number.zh}失败，原因：{said(reason).zh}",
            )
        for reason, count in one.refusals.reasons:
            number = frames(count)
            yield Words(
                f"{number.en} of {one.name} {'was' if count == 1 else 'were'} refused and "
                f"{'waits' if count == 1 else 'wait'} for another try: {reason}",
                f"“{one.name}”的 {number.zh}被拒绝、等待重试，原因：{said(reason).zh}",
            )
        if not failures.count:
            continue
        number = words(failed_frames([one]))
        first, newest = moment(failures.first_at), moment(failures.newest_at)
        yield Words(
            f"{one.name}: {number.en} failed from {first} to {newest}, none succeeded since",
            f"{one.name}：{first} 至 {newest} {number.zh}失败，此后没有成功的推理",
        )


def look_at_failed(facts: Facts, some: Sequence[TypeFacts]) -> Iterator[Remedy]:
    """See the failed frames of these types with their reasons."""
    for one in [one for one in some if one.failed][:_FEW]:
        yield Remedy(
            Words(
                f"See the failed frames of {one.name} with their reasons",
                f"查看 {one.name} 失败的图片及原因",
            ),
            easyai_command(facts.settings, "frames", "--state", "failed", "--task-type", one.name),
        )


def bring_back(facts: Facts, some: Sequence[TypeFacts]) -> Iterator[Remedy]:
    """Requeue the failed frames of these types, once what they failed of is repaired."""
    for one in [one for one in some if one.failed][:_FEW]:
        number = frames(one.failed)
        yield Remedy(
            Words(
                f"Afterwards bring back what failed meanwhile ({number.en} of {one.name})",
                f"之后把期间失败的图片重新排队（{one.name}：{number.zh}）",
            ),
            easyai_command(facts.settings, "requeue", "--task-type", one.name),
        )
