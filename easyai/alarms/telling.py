"""From notices to messages: those of one kind in one round are one message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from easyai.alarms.absence import NOT_RUNNING, Absence
from easyai.alarms.ends import end, not_running
from easyai.alarms.texts_of_services import no_algorithm_of_many
from easyai.diagnosis.causes.service_words import unregister_command
from easyai.domain.alarm import Change, Kind, Notice
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.snapshot import ServiceFacts
from easyai.messages.bridge import words
from easyai.messages.names import cause_name, kind_name
from easyai.messages.wording import frames, names, span

RECOVERED: Final = "recovered"
SERVICE_ONLINE: Final = "service_online"
_ONLINE: Final = "服务恢复"
_MANY: Final = 3  # services that fall silent together are a sign of something else
_MOST_SHOWN: Final = 5
_LONGEST_LINE: Final = 130  # characters in the log, which puts some 67 before them
_BESIDE: Final = " | "  # between alarms of one message
_MORE: Final = "… (more: diagnose)"


@dataclass(frozen=True, slots=True)
class Message:
    """What is told through every channel."""

    change: Change
    kind: str
    task_type: str  # of its alert: the kind, `recovered` or `service_online`
    words: Words
    at: float
    cause: str  # as in the table of alarms, of several all of them; '' while it is not known
    subjects: tuple[str, ...] = ()  # endpoints, task types, …
    parts: tuple[str, ...] = ()  # what is said of each alarm in it, in English; () for one

    @property
    def title(self) -> str:
        """The subject line of a mail."""
        of = f" ({self.kind})" if self._renamed else ""
        zh = words(kind_name(self.kind))
        over = "已恢复：" if self._renamed else ""
        shown = _ONLINE if self.task_type == SERVICE_ONLINE else f"{over}{zh.zh}"
        return f"easyai: {self.task_type}{of} / {shown}"

    @property
    def log_lines(self) -> list[str]:
        """A short line for each alarm told of; the whole is in the table and told to people."""
        return [self._line(part) for part in self.parts or (self.words.en,)]

    def _line(self, words: str) -> str:
        line = " ".join(f"system alarm {self.task_type}: {words}".split())
        if len(line) <= _LONGEST_LINE:
            return line
        return line[: _LONGEST_LINE - len(_MORE)].rstrip(" .,;:") + _MORE

    @property
    def _renamed(self) -> bool:
        return self.task_type == RECOVERED


def messages(
    notices: Sequence[Notice], facts: Facts, absence: Absence | None = None
) -> list[Message]:
    """The notices of one round as messages, in their order.

    `absence`: nobody watched then; alarms that rang before it and are over since ended sometime.
    """
    groups: dict[tuple[Change, str], list[Notice]] = {}
    for notice in notices:
        groups.setdefault((notice.change, notice.kind), []).append(notice)
    return [
        _message(change, kind, group, facts, absence) for (change, kind), group in groups.items()
    ]


def of_absence(absence: Absence, facts: Facts, at: float, *, rings: bool) -> Message:
    """That nothing of ours ran: nobody could tell before.

    `rings`: inference stood still already when it began, and that alarm goes on.
    """
    kind, lasted, waiting = Kind.INFERENCE_STALLED, span(absence.lasted_sec), frames(facts.waiting)
    what, waits = not_running(absence), "waits" if facts.waiting == 1 else "wait"
    said = Words(
        f"{what.en} ({lasted.en}): it was killed, the power was lost, or its database was away. "
        f"It runs again; {waiting.en} {waits}",
        f"{what.zh}（{lasted.zh}）：进程被终止、断电或数据库不可用。"
        f"现已重新运行；{waiting.zh}在等待",
    )
    if rings:
        said = Words(f"{said.en}; the alarm of before goes on", f"{said.zh}；此前的告警仍未解除")
    change = Change.REPEATED if rings else Change.RAISED
    return Message(change, kind, kind, said, at, NOT_RUNNING)


def _message(
    change: Change, kind: str, group: Sequence[Notice], facts: Facts, absence: Absence | None
) -> Message:
    if change == Change.OVER:
        services = kind == Kind.SERVICE_OFFLINE
        lasted, unseen = _lasted(group, absence)
        said = _services_over(group, facts, lasted) if services else _over(group, facts, lasted)
        said = Words(said.en + unseen.en, said.zh + unseen.zh)
        return _of(group, SERVICE_ONLINE if services else RECOVERED, said)
    whole = _as_one(kind, group, facts)
    said = whole or _several(group)
    each = () if whole else tuple(words.en for words in _distinct(group)[:_MOST_SHOWN])
    first = _first_words(change, group)
    parts = tuple(first.en + one for one in each)
    return _of(group, kind, Words(first.en + said.en, first.zh + said.zh), parts)


def _as_one(kind: str, group: Sequence[Notice], facts: Facts) -> Words | None:
    """One sentence for many alarms of a kind; None where each has its own."""
    if kind == Kind.SERVICE_OFFLINE and len(group) > 1:
        return _services_offline(group, facts)
    if kind == Kind.NO_ALGORITHM and len(group) > _MOST_SHOWN:
        return no_algorithm_of_many(facts, [one.subject for one in group if one.subject])
    return None


def _first_words(change: Change, group: Sequence[Notice]) -> Words:
    """Before what is said of alarms that were told before."""
    if change == Change.REPEATED:
        lasts = span(max(one.lasted_sec for one in group))
        return Words(f"still, for {lasts.en}: ", f"仍在持续，已 {lasts.zh}：")
    if change == Change.EXPLAINED:
        cause = _causes(group)
        return Words(f"the cause is now known: {cause.en}; ", f"原因已查明：{cause.zh}；")
    return Words("", "")


def _of(
    group: Sequence[Notice], task_type: str, said: Words, parts: tuple[str, ...] = ()
) -> Message:
    first = group[0]
    causes = dict.fromkeys(one.cause for one in group if one.cause)
    subjects = tuple(one.subject for one in group if one.subject)
    cause = ", ".join(causes)
    return Message(first.change, first.kind, task_type, said, first.at, cause, subjects, parts)


def _distinct(group: Sequence[Notice]) -> list[Words]:
    return list(dict.fromkeys(one.words for one in group))


def _several(group: Sequence[Notice]) -> Words:
    distinct = _distinct(group)
    shown = distinct[:_MOST_SHOWN]
    more = len(distinct) - len(shown)
    en, zh = (f" (+{more})", f"（另有 {more} 项）") if more else ("", "")
    return Words(
        _BESIDE.join(words.en for words in shown) + en,
        _BESIDE.join(words.zh for words in shown) + zh,
    )


def _lasted(group: Sequence[Notice], absence: Absence | None) -> tuple[Words, Words]:
    """How long alarms lasted that are over, and what is not known of it."""
    lasted = span(max(one.lasted_sec for one in group))
    at_most = Words(f"at most {lasted.en}", f"最多 {lasted.zh}")
    unseen = [one for one in group if not one.seen]
    if absence is None or not unseen:
        return lasted, Words("", "")
    if unseen[0].raised_at > absence.until:
        return (at_most if unseen[0].cause == NOT_RUNNING else lasted), Words("", "")
    what = not_running(absence)
    return at_most, Words(
        f"; it may have been over sooner: {what.en}", f"；可能更早已恢复：{what.zh}"
    )


def _over(group: Sequence[Notice], facts: Facts, lasted: Words) -> Words:
    kind = group[0].kind
    what, called = end(kind, group, facts), words(kind_name(kind))
    of = names([one.subject for one in group if one.subject])
    of_en, of_zh = (f" for {of}", f"（{of}）") if of else ("", "")
    cause = _causes(group)
    return Words(
        f"over after {lasted.en}: {kind}{of_en}; {what.en}; the cause was: {cause.en}",
        f"告警解除，持续 {lasted.zh}：{called.zh}{of_zh}；{what.zh}；原因：{cause.zh}",
    )


def _causes(group: Sequence[Notice]) -> Words:
    """What was told of each, those that are alike as one."""
    by_cause: dict[str, list[str]] = {}
    for one in group:
        by_cause.setdefault(one.cause, []).append(one.subject)
    if len(by_cause) == 1:
        return _cause(group[0].cause)
    told = [(names(filter(None, of)), _cause(noted)) for noted, of in by_cause.items()]
    return Words(
        ", ".join(f"{cause.en}{f' ({of})' if of else ''}" for of, cause in told),
        "，".join(f"{cause.zh}{f'（{of}）' if of else ''}" for of, cause in told),
    )


def _cause(noted: str) -> Words:
    """The cause as it was noted: in words, and the code that stands in the table."""
    if not noted:
        return Words("not known", "未知")
    said = words(cause_name(noted))
    if said.en == noted:
        return said
    return Words(f"{said.en} ({noted})", f"{said.zh} ({noted})")


def _services_offline(group: Sequence[Notice], facts: Facts) -> Words:
    count, of_all = len(group), max(len(facts.services), len(group))
    which, cause = names([one.subject for one in group]), words(cause_name(group[0].cause))
    points = Words("", "")
    if count >= _MANY and 2 * count >= of_all:
        points = Words(
            ". Many at once have one cause in common: check their machine, the network between, "
            "and whether the address or clock of this machine has changed",
            "。多个服务同时离线通常有共同原因：请检查它们所在的机器、中间的网络，"
            "以及本机的地址和时钟是否改变",
        )
    return Words(
        f"{count} of {of_all} services offline: {which}; {cause.en}{points.en}. "
        "They are probed, and back by themselves once they answer; unregister those that are gone "
        "for good",
        f"{of_all} 个服务中有 {count} 个离线：{which}；{cause.zh}{points.zh}。"
        "系统会持续探测，应答后自动恢复；不再使用的请注销",
    )


def _services_over(group: Sequence[Notice], facts: Facts, lasted: Words) -> Words:
    registered = {one.endpoint for one in facts.services}
    moved = {one.endpoint: one for one in facts.moved}
    back = [one for one in group if one.subject in registered]
    gone = [one for one in group if one.subject not in registered and one.subject not in moved]
    parts = []
    if back:
        which, of_all = names([one.subject for one in back]), max(len(registered), len(back))
        parts.append(
            Words(
                f"{len(back)} of {of_all} services online again: {which}",
                f"{of_all} 个服务中有 {len(back)} 个恢复在线：{which}",
            )
        )
    if gone:
        which = names([one.subject for one in gone])
        parts.append(
            Words(f"no longer registered: {which}", f"已注销：{which}"),
        )
    parts += [_moved(moved[one.subject], facts) for one in group if one.subject in moved]
    en, zh = "; ".join(one.en for one in parts), "；".join(one.zh for one in parts)
    cause = words(cause_name(group[0].cause))
    return Words(
        f"{en}; after {lasted.en}; the cause was: {cause.en}",
        f"{zh}；持续 {lasted.zh}；原因：{cause.zh}",
    )


def _moved(old: ServiceFacts, facts: Facts) -> Words:
    new, command = facts.moved_to(old), unregister_command(facts, old)
    return Words(
        f"{old.service_id} moved from {old.endpoint} to {new}, where it is registered; take the "
        f"old endpoint out: `{command}`",
        f"{old.service_id} 已从 {old.endpoint} 迁移到 {new}（已注册）；请注销旧地址：`{command}`",
    )
