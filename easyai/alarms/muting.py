"""Keeps notifications from people while a mute is in force; log, table and bus get all alarms."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from easyai.alarms.inference_progress import Standstill
from easyai.domain.alarm import AlarmKind, Change, Key, Notice
from easyai.domain.alert import utc_text
from easyai.domain.mute import Mute, muted_by
from easyai.health.facts import Facts

log = logging.getLogger(__name__)

#: Task types by kind of alarm. A kind that is missing: not known now. No types: all types.
Types = Mapping[str, Collection[str]]


def types_by_kind(facts: Facts, standstill: Standstill | None) -> Types:
    """The task types that alarms without a subject concern now."""
    types: dict[str, set[str]] = {}
    if waiting := {each.name for each in facts.types if each.waiting or each.leased}:
        types[AlarmKind.NO_ALGORITHM] = waiting
    if standstill:
        still = set() if standstill.blind else set(standstill.types)
        types[AlarmKind.INFERENCE_STALLED] = still
    return types


class Muting:
    """The changes of alarms that people were not notified of, because of a mute."""

    def __init__(self) -> None:
        self._kept: dict[Key, Change] = {}  # the first change that was kept from people
        self._types: dict[Key, Collection[str]] = {}  # the types of these alarms, as last seen

    def keep(self, key: Key) -> None:
        """Note that people were not notified of an alarm that another process raised."""
        self._kept.setdefault(key, Change.RAISED)

    def marked(
        self, notices: Sequence[Notice], mutes: Sequence[Mute], types: Types, now: float
    ) -> list[Notice]:
        """The notices, each with whether people are notified (`now`: Unix seconds).

        People who were not notified of an alarm are not notified of its end.
        """
        active = [mute for mute in mutes if mute.until > now]
        return [
            replace(notice, notified=not self._is_kept(notice, active, types)) for notice in notices
        ]

    def released(
        self, continuing: Sequence[Notice], mutes: Sequence[Mute], types: Types, now: float
    ) -> list[Notice]:
        """The kept alarms among the continuing alarms that no mute covers any more.

        The mute has ended, or the alarm now concerns other types too.
        """
        active = [mute for mute in mutes if mute.until > now]
        kept = [notice for notice in continuing if _key(notice) in self._kept]
        free = [each for each in kept if self._mute_of(each, active, types) is None]
        return [replace(each, change=self._forget(_key(each)) or each.change) for each in free]

    def _forget(self, key: Key) -> Change | None:
        self._types.pop(key, None)
        return self._kept.pop(key, None)

    def _mute_of(self, notice: Notice, mutes: Sequence[Mute], types: Types) -> Mute | None:
        key = _key(notice)
        concerned = types.get(notice.kind, self._types.get(key, ()))
        mute = muted_by(mutes, *key, [notice.subject] if notice.subject else concerned)
        if mute:
            self._types[key] = concerned
        return mute

    def _is_kept(self, notice: Notice, mutes: Sequence[Mute], types: Types) -> bool:
        key, is_over = _key(notice), notice.change == Change.OVER
        mute = self._mute_of(notice, mutes, types)
        kept = self._forget(key) if is_over or mute is None else None
        if mute is None and not (is_over and kept == Change.RAISED):
            return False
        if not is_over:
            self._kept.setdefault(key, notice.change)
        log.info(
            "people not notified, muted: kind=%s subject=%s change=%s until=%s by=%s",
            notice.kind,
            notice.subject or "-",
            notice.change,
            utc_text(mute.until) if mute else "-",
            mute.by if mute else "-",
        )
        return True


def _key(notice: Notice) -> Key:
    return notice.kind, notice.subject
