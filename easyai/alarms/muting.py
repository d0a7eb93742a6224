"""Keeps notifications from people while a mute is in force; log, table and bus get all alarms."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from easyai.domain.alarm import AlarmKind, Change, Key, Notice
from easyai.domain.alert import utc_text
from easyai.domain.mute import Mute, muted_by
from easyai.health.facts import Facts

log = logging.getLogger(__name__)


class Muting:
    """Which alarms people were not notified of, because of a mute."""

    def __init__(self) -> None:
        self._kept: set[Key] = set()

    def audible(
        self, notices: Sequence[Notice], mutes: Sequence[Mute], facts: Facts, now: float
    ) -> list[Notice]:
        """The notices that people get now (Unix seconds); the others are logged.

        People who were not notified of an alarm are not notified of its end.
        """
        active = [mute for mute in mutes if mute.until > now]
        return [notice for notice in notices if not self._is_kept(notice, active, facts)]

    def _is_kept(self, notice: Notice, mutes: Sequence[Mute], facts: Facts) -> bool:
        key = (notice.kind, notice.subject)
        mute = muted_by(mutes, *key, _types(notice, facts)) if mutes else None
        unknown = key in self._kept and notice.change == Change.OVER
        if mute is None and not unknown:
            self._kept.discard(key)
            return False
        if notice.change == Change.OVER:
            self._kept.discard(key)
        elif notice.change == Change.RAISED:
            self._kept.add(key)
        log.info(
            "people not notified, muted: kind=%s subject=%s change=%s until=%s by=%s",
            notice.kind,
            notice.subject or "-",
            notice.change,
            utc_text(mute.until) if mute else "-",
            mute.by if mute else "-",
        )
        return True


def _types(notice: Notice, facts: Facts) -> set[str]:
    """All task types that an alarm concerns by its subject, or by what waits; may be empty."""
    if notice.subject:
        return {notice.subject}
    if notice.kind in (AlarmKind.NO_ALGORITHM, AlarmKind.INFERENCE_STALLED):
        return {each.name for each in facts.types if each.waiting or each.leased}
    return set()
