"""Causes in the calls themselves: services live, but inference hangs or fails."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from textwrap import shorten
from typing import Final

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.failed import (
    blames_pictures,
    bring_back,
    failed_evidence,
    look_at_failed,
    only_failing,
)
from easyai.diagnosis.causes.service_words import (
    concerned,
    ids,
    look_at_services,
    of_all,
    restart_hanging,
    verb,
)
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.liveliness import calls_ran
from easyai.health.snapshot import ServiceFacts, TypeFacts
from easyai.messages.reasons import reason as said
from easyai.messages.wording import frames, moment, names, span
from easyai.settings.commands import easyai_command

# How the reasons of failed calls begin (domain/verdict.py, pipeline/caller.py).
_TIMED_OUT: Final = "no answer within"
_NOT_CONNECTED: Final = "cannot connect"
_FEW: Final = 3
_LONGEST_REASON: Final = 100  # characters
_SILENCE_SEC: Final = 10.0


def find(facts: Facts) -> Iterator[Cause]:
    """What is wrong with calls."""
    if facts.known is None:
        return
    reached = [one for one in facts.services if facts.probe(one) == "" or not facts.is_silent(one)]
    hanging = [one for one in reached if hangs(facts, one)]
    hung = {one.pk for one in hanging}
    failing = [one for one in reached if one.pk not in hung and _fails(facts, one)]
    held = {name for one in hanging for name in one.task_types}
    ended = only_failing(facts)
    unfetched = {one.name for one in ended if blames_pictures(one)}  # told of in flow.py
    refusing = [
        one
        for one in facts.types
        if (one in ended or _refuses(one)) and one.name not in held | unfetched
    ]
    if hanging:
        yield _hanging(facts, hanging)
    if failing or refusing:
        yield _failing(facts, failing, refusing)


def hangs(facts: Facts, service: ServiceFacts) -> bool:
    """Whether a service holds calls without answering them."""
    reason = service.last_failure_reason
    if facts.is_failing(service) and reason.startswith(_TIMED_OUT):
        return True
    if facts.answers_nothing(service) and not facts.is_busy(service):
        return not facts.is_silent(service)
    if not service.oldest_lease_at:
        return False
    analysis = facts.settings.ai_analysis
    patience = max(
        min(analysis.stall_alarm_sec, analysis.infer_timeout_sec) / 3,
        3 * (service.ewma_ms or 0.0) / 1000,
    )
    overdue_at = service.oldest_lease_at + patience
    if facts.now < overdue_at or service.last_success_at > service.oldest_lease_at:
        return False
    return calls_ran(facts, service.oldest_lease_at, overdue_at)


def _fails(facts: Facts, service: ServiceFacts) -> bool:
    reason = service.last_failure_reason
    return facts.is_failing(service) and not reason.startswith((_TIMED_OUT, _NOT_CONNECTED))


def _refuses(task_type: TypeFacts) -> bool:
    recent = task_type.recent
    return recent.responses >= _FEW and recent.failures >= _FEW and not recent.successes


def _stopped(facts: Facts, some: Sequence[ServiceFacts]) -> set[str]:
    """The task types of which these services are the reason that nothing succeeds."""
    types, pks = {name for one in some for name in one.task_types}, {one.pk for one in some}
    # Those in flight count: with a few frames none waits, and yet nothing succeeds.
    return {
        one.name
        for one in facts.types
        if one.name in types and (one.waiting or one.leased) and _gives_nothing(facts, one, pks)
    }


def _gives_nothing(facts: Facts, task_type: TypeFacts, pks: Collection[int]) -> bool:
    if not task_type.recent.successes or facts.is_quiet(task_type):
        return True
    own = [one for one in facts.services if task_type.name in one.task_types]
    newest = max((one.last_success_at for one in own), default=0.0)
    return all(one.pk in pks for one in own) and facts.now - newest >= _SILENCE_SEC


def _calls(facts: Facts, some: Sequence[ServiceFacts]) -> Iterator[Words]:
    """What the last calls of services gave where they failed, and the state of their breakers."""
    by_reason: dict[str, list[ServiceFacts]] = {}
    for one in some:
        # An older one tells of what has been repaired since: it has answered.
        if one.last_failure_reason and one.last_failure_at > one.last_success_at:
            by_reason.setdefault(one.last_failure_reason, []).append(one)
    for reason, own in list(by_reason.items())[:_FEW]:
        age = span(facts.now - max(one.last_failure_at for one in own))
        yield Words(
            f"Last call of {ids(own)}, {age.en} ago: {reason}",
            f"{ids(own)} 的最近一次调用（{age.zh}前）：{said(reason).zh}",
        )
    opened = [one for one in some if one.breaker != "closed"]
    if opened:
        yield Words(
            f"Breakers open or on trial: {ids(opened)}", f"熔断器已打开或正在试探：{ids(opened)}"
        )
    held = [one for one in some if one.oldest_lease_at]
    if held:
        number, age = (
            frames(sum(one.in_flight for one in held)),
            span(facts.now - min(one.oldest_lease_at for one in held)),
        )
        yield Words(
            f"{number.en} in flight there, the oldest for {age.en}",
            f"{number.zh}正在调用中，最久的已 {age.zh}",
        )
    last = max(one.last_success_at for one in some)
    if last:
        yield Words(
            f"Last answer of any of them: {moment(last)}", f"它们最后一次应答：{moment(last)}"
        )


def _hanging(facts: Facts, hanging: Sequence[ServiceFacts]) -> Cause:
    who, timeout = of_all(facts, hanging), facts.settings.ai_analysis.infer_timeout_sec
    beats = [one for one in hanging if not facts.is_silent(one)]
    evidence, stopped = list(_calls(facts, hanging)), _stopped(facts, hanging)
    if beats:
        evidence.append(
            Words(
                f"Heartbeats of {ids(beats)} arrive: the processes live, their inference hangs",
                f"{ids(beats)} 的心跳正常：进程仍在，但推理卡住",
            )
        )
    return Cause(
        "inference_hangs",
        Words(
            f"{who.en} {verb(hanging, 'lives', 'live')} but inference hangs there: calls get no "
            f"answer (infer_timeout_sec = {timeout:g}) ({ids(hanging)})",
            f"{who.zh}仍在运行，但推理卡住：调用没有应答"
            f"（infer_timeout_sec = {timeout:g}）（{ids(hanging)}）",
        ),
        tuple(evidence),
        (
            restart_hanging(hanging),
            Remedy(
                Words(
                    "Look whether they are only slow: then raise infer_timeout_sec, or let them "
                    "register a smaller max_concurrency",
                    "若只是较慢：增大 infer_timeout_sec，或让其以较小的 max_concurrency 注册",
                ),
                easyai_command(facts.settings, "stats"),
            ),
            look_at_services(facts),
        ),
        weight=70 if stopped else 38,
        task_types=concerned(hanging, stopped),
    )


def _failing(facts: Facts, failing: Sequence[ServiceFacts], refusing: Sequence[TypeFacts]) -> Cause:
    refused = {one.name for one in refusing}
    stopped = refused | _stopped(facts, failing)
    own = failing or [one for one in facts.services if refused & set(one.task_types)]
    shown = only_failing(facts)
    ended = [one for one in refusing if one in shown]
    evidence = list(failed_evidence(ended))
    evidence += _calls(facts, own) if own else ()
    for task_type in list(filter(_refuses, refusing))[:_FEW]:
        failed, recent = task_type.recent.failures, span(task_type.recent_sec)
        evidence.append(
            Words(
                f"{task_type.name}: {failed} calls failed and none succeeded in {recent.en}",
                f"{task_type.name}：{recent.zh}内 {failed} 次调用失败，没有成功",
            )
        )
    evidence += [
        Words(
            f"{frames(number).en} wait after: {reason}",
            f"{frames(number).zh}在等待，原因：{said(reason).zh}",
        )
        for reason, number in (facts.known.reasons if facts.known and failing else ())
    ]
    who, why = names(one.service_id for one in failing), _newest_reason(own, ended)
    who = who or names(one.name for one in refusing)
    return Cause(
        "inference_fails",
        Words(
            f"Services answer but inference fails ({who}){why.en}",
            f"算法服务有应答，但推理失败（{who}）{why.zh}",
        ),
        tuple(evidence),
        tuple(_failing_remedies(facts, failing, ended)),
        weight=67 if stopped else 33,
        task_types=tuple(sorted(stopped)) or concerned(failing, ()),
    )


def _newest_reason(some: Sequence[ServiceFacts], ended: Sequence[TypeFacts]) -> Words:
    """Why it fails, for the sentence that says so: it is read where the evidence is left out."""
    failed = [one for one in some if one.last_failure_at > one.last_success_at]
    newest = max(failed, key=lambda one: one.last_failure_at, default=None)
    noted = [text for one in ended for text, _ in (*one.failures.reasons, *one.refusals.reasons)]
    reason = (newest.last_failure_reason if newest else "") or (noted[0] if noted else "")
    if not reason:
        return Words("", "")
    shown = said(shorten(reason, _LONGEST_REASON, placeholder="…"))
    return Words(f": {shown.en}", f"：{shown.zh}")


def _failing_remedies(
    facts: Facts, failing: Sequence[ServiceFacts], ended: Sequence[TypeFacts]
) -> Iterator[Remedy]:
    yield from look_at_failed(facts, ended)
    if ended or any(one.last_failure_reason for one in failing):
        yield Remedy(
            Words(
                "That reason is the service's: look at its log, then repair and restart it",
                "该原因来自算法服务：查看其日志，修复后重启",
            )
        )
    else:
        yield Remedy(
            Words(
                "Look at the log of the service, then repair and restart it",
                "查看算法服务的日志，修复后重启",
            )
        )
    others = [one for one in facts.types if one.failed and one not in ended]
    yield from bring_back(facts, [*ended, *others])
    yield look_at_services(facts)
