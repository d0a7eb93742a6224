"""Group alarms that change in the same round into messages: a message for each kind and change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from easyai.alarms.absence import NOT_RUNNING, Absence
from easyai.alarms.alarm_ends import end, not_running
from easyai.alarms.texts_of_services import no_algorithm_of_many
from easyai.diagnosis.causes.service_words import unregister_command
from easyai.domain.alarm import AlarmKind, Change, Notice
from easyai.domain.alarm_cause import cause_code
from easyai.domain.reason import Reason
from easyai.health.facts import Facts
from easyai.health.snapshot import ServiceFacts
from easyai.messages.catalogue import languages, templates, text
from easyai.messages.terms import cause_noted

RECOVERED: Final = "recovered"
SERVICE_ONLINE: Final = "service_online"
_MANY: Final = 3  # so many silent services point to a common cause
_MOST_SHOWN: Final = 5
_LONGEST_LINE: Final = 130  # characters in the log, after a prefix of about 67
_MORE: Final = "… (more: diagnose)"


@dataclass(frozen=True, slots=True)
class Message:
    """A message to people, the bus and the log."""

    change: Change
    kind: str
    task_type: str  # of its alert: the kind, `recovered` or `service_online`
    reason: Reason
    at: float
    cause: str  # as in the table of alarms, all causes if several; '' while not known
    subjects: tuple[str, ...] = ()  # endpoints, task types, …
    parts: tuple[Reason, ...] = ()  # each alarm of the message; () for a single alarm

    @property
    def title(self) -> str:
        """The subject line of a mail, in every language."""
        title = Reason.of("alarm_title.raised", kind=self.kind)
        if self.task_type == RECOVERED:
            title = Reason.of("alarm_title.over", kind=self.kind)
        elif self.task_type == SERVICE_ONLINE:
            title = Reason("alarm_title.service_online")
        return f"easyai: {' / '.join(text(title, language) for language in languages())}"

    @property
    def log_lines(self) -> list[str]:
        """A short line for each alarm of the message; the table has the whole text."""
        return [self._line(text(part)) for part in self.parts or (self.reason,)]

    def _line(self, words: str) -> str:
        line = " ".join(f"system alarm {self.task_type}: {words}".split())
        if len(line) <= _LONGEST_LINE:
            return line
        return line[: _LONGEST_LINE - len(_MORE)].rstrip(" .,;:") + _MORE


def messages(
    notices: Sequence[Notice], facts: Facts, absence: Absence | None = None
) -> list[Message]:
    """Group the notices of a round into messages, in their order.

    `absence`: when no watchdog ran. An alarm that rang before it may have ended at any time in it.
    """
    groups: dict[tuple[Change, str], list[Notice]] = {}
    for notice in notices:
        groups.setdefault((notice.change, notice.kind), []).append(notice)
    return [
        _message(change, kind, group, facts, absence) for (change, kind), group in groups.items()
    ]


def of_absence(absence: Absence, facts: Facts, at: float, *, rings: bool) -> Message:
    """The message that no process of easyai ran, so no alarm could be raised.

    `rings`: inference already stood still when the absence began, and that alarm goes on.
    """
    kind = AlarmKind.INFERENCE_STALLED
    reason = Reason.of(
        "alarm.absence",
        absence=not_running(absence),
        lasted_sec=absence.lasted_sec,
        n=facts.waiting,
        before=Reason("alarm.before_goes_on") if rings else None,
    )
    change = Change.REPEATED if rings else Change.RAISED
    return Message(change, kind, kind, reason, at, NOT_RUNNING)


def _message(
    change: Change, kind: str, group: Sequence[Notice], facts: Facts, absence: Absence | None
) -> Message:
    if change == Change.OVER:
        lasted, unseen = _lasted(group, absence)
        if kind == AlarmKind.SERVICE_OFFLINE:
            return _of(group, SERVICE_ONLINE, _services_over(group, facts, lasted, unseen))
        return _of(group, RECOVERED, _over(group, facts, lasted, unseen))
    if whole := _common(kind, group, facts):
        return _of(group, kind, _introduced(change, group, whole))
    parts = tuple(_introduced(change, group, part) for part in _distinct(group)[:_MOST_SHOWN])
    return _of(group, kind, _introduced(change, group, _several(group)), parts)


def _common(kind: str, group: Sequence[Notice], facts: Facts) -> Reason | None:
    """A common sentence for many alarms of a kind; None if each alarm has its own sentence."""
    if kind == AlarmKind.SERVICE_OFFLINE and len(group) > 1:
        return _services_offline(group, facts)
    if kind == AlarmKind.NO_ALGORITHM and len(group) > _MOST_SHOWN:
        return no_algorithm_of_many(facts, [notice.subject for notice in group if notice.subject])
    return None


def _introduced(change: Change, group: Sequence[Notice], reason: Reason) -> Reason:
    """An alarm with an introduction, if people were notified of the alarm before."""
    if change == Change.REPEATED:
        lasted_sec = max(notice.lasted_sec for notice in group)
        return Reason.of("alarm.repeated", lasted_sec=lasted_sec, what=reason)
    if change == Change.EXPLAINED:
        return Reason.of("alarm.explained", cause=_causes(group), what=reason)
    return reason


def _of(
    group: Sequence[Notice], task_type: str, reason: Reason, parts: tuple[Reason, ...] = ()
) -> Message:
    first = group[0]
    cause = ", ".join(dict.fromkeys(cause_noted(notice.cause) for notice in group if notice.cause))
    subjects = tuple(notice.subject for notice in group if notice.subject)
    return Message(first.change, first.kind, task_type, reason, first.at, cause, subjects, parts)


def _distinct(group: Sequence[Notice]) -> list[Reason]:
    """The reasons of alarms, without duplicates."""
    return list(dict.fromkeys(notice.reason for notice in group))


def _several(group: Sequence[Notice]) -> Reason:
    distinct = _distinct(group)
    if len(distinct) == 1:
        return distinct[0]
    more = len(distinct) - _MOST_SHOWN
    return Reason.of(
        "alarm.several",
        alarms=tuple(distinct[:_MOST_SHOWN]),
        more=Reason.of("alarm.more", number=more) if more > 0 else None,
    )


def _lasted(group: Sequence[Notice], absence: Absence | None) -> tuple[Reason, Reason | None]:
    """How long the ended alarms lasted, and what is not known about their end."""
    lasted_sec = max(notice.lasted_sec for notice in group)
    lasted = Reason.of("span", sec=lasted_sec)
    at_most = Reason.of("alarm_end.at_most", lasted_sec=lasted_sec)
    unseen = [notice for notice in group if not notice.seen]
    if absence is None or not unseen:
        return lasted, None
    if unseen[0].raised_at > absence.until:
        return (at_most if cause_code(unseen[0].cause) == NOT_RUNNING else lasted), None
    return at_most, Reason.of("alarm_end.maybe_sooner", absence=not_running(absence))


def _over(group: Sequence[Notice], facts: Facts, lasted: Reason, unseen: Reason | None) -> Reason:
    kind, subjects = group[0].kind, tuple(notice.subject for notice in group if notice.subject)
    return Reason.of(
        "alarm_end.over",
        kind=kind,
        of=Reason.of("alarm_end.of", subjects=subjects) if subjects else None,
        lasted=lasted,
        now=end(kind, group, facts),
        cause=_causes(group),
        unseen=unseen,
    )


def _causes(group: Sequence[Notice]) -> Reason:
    """The causes that people were notified of, each with its subjects."""
    by_cause: dict[Reason, list[str]] = {}
    for notice in group:
        by_cause.setdefault(notice.cause, []).append(notice.subject)
    if len(by_cause) == 1:
        return _cause(group[0].cause)
    causes = (_cause_of(cause, tuple(filter(None, of))) for cause, of in by_cause.items())
    return Reason.of("alarm.causes", causes=tuple(causes))


def _cause_of(cause: Reason, subjects: tuple[str, ...]) -> Reason:
    named = _cause(cause)
    if not subjects:
        return named
    return Reason.of("alarm.cause_of", cause=named, subjects=subjects)


def _cause(cause: Reason) -> Reason:
    """The cause of an alarm in words, with its code from the table."""
    if not cause:
        return Reason("name.cause_unknown")
    code = cause_code(cause)
    if f"cause_over.{code}" not in templates():
        return cause  # a code without a name is not shown twice
    return Reason.of("alarm.cause_with_code", cause=code)


def _services_offline(group: Sequence[Notice], facts: Facts) -> Reason:
    offline, services = len(group), max(len(facts.services), len(group))
    many = offline >= _MANY and 2 * offline >= services
    return Reason.of(
        "alarm.services_offline",
        offline=offline,
        services=services,
        endpoints=tuple(notice.subject for notice in group),
        cause=group[0].cause,
        common=Reason("alarm.common_cause") if many else None,
    )


def _services_over(
    group: Sequence[Notice], facts: Facts, lasted: Reason, unseen: Reason | None
) -> Reason:
    registered = {service.endpoint for service in facts.services}
    moved = {service.endpoint: service for service in facts.moved}
    online = tuple(notice.subject for notice in group if notice.subject in registered)
    known = registered | set(moved)
    gone = tuple(notice.subject for notice in group if notice.subject not in known)
    now = []
    if online:
        now.append(
            Reason.of(
                "alarm_end.services_online",
                online=len(online),
                services=max(len(registered), len(online)),
                endpoints=online,
            )
        )
    if gone:
        now.append(Reason.of("alarm_end.services_gone", endpoints=gone))
    now += [_moved(moved[notice.subject], facts) for notice in group if notice.subject in moved]
    return Reason.of(
        "alarm_end.services",
        now=tuple(now),
        lasted=lasted,
        cause=group[0].cause,
        unseen=unseen,
    )


def _moved(old: ServiceFacts, facts: Facts) -> Reason:
    return Reason.of(
        "alarm_end.service_moved",
        service_id=old.service_id,
        old=old.endpoint,
        new=facts.moved_to(old),
        command=unregister_command(facts, old),
    )
