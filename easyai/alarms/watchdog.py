"""The watchdog: observes easyai from outside, and notifies when trouble begins and ends.

Its loop never waits for the watched parts. Separate threads observe (`Observer`), write to the
database (`Recorder`) and notify people (`PeopleNotifier`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from easyai.alarms.absence import NOT_RUNNING, AbsenceWatch, as_alarm
from easyai.alarms.certainty import unsure
from easyai.alarms.clock_watch import ClockWatch
from easyai.alarms.conditions import judge
from easyai.alarms.grouping import Message, messages, of_absence
from easyai.alarms.incident import Incident, may_be_held_back
from easyai.alarms.inference_progress import Progress, Standstill
from easyai.alarms.muting import Muting, types_by_kind
from easyai.alarms.notifier import PeopleNotifier
from easyai.alarms.observation import Observation, Observer
from easyai.alarms.outbox_watch import OutboxWatch
from easyai.alarms.recorder import Entry, Recorder, Standing
from easyai.alarms.silent_stall import SilentStall
from easyai.alarms.texts import clock_jump
from easyai.alarms.timings import Timings
from easyai.db import alarms, clock
from easyai.db.events import Event
from easyai.domain.alarm import AlarmKind, Board, Change, Condition, Notice
from easyai.domain.alarm_cause import found_cause
from easyai.domain.reason import Reason
from easyai.health.checks.named_check import Check
from easyai.messages.catalogue import text
from easyai.process import self_end
from easyai.process.presence import Presence
from easyai.process.supervisor_link import Loop, Notifier, is_supervised
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

_KINDS: Final = frozenset(AlarmKind)
_ROLES: Final = {
    True: "notifies of alarms",
    False: "stands by: another watchdog notifies",
    None: "notifies by itself: the database does not show who leads",
}


class Watchdog:
    """Any number may run. The lease holder notifies; without a database every watchdog notifies."""

    def __init__(
        self, runtime: Runtime, checks: Callable[[], Sequence[Check]], timings: Timings
    ) -> None:
        """`checks` returns the current checks; the watchdog closes the runtime at the end."""
        self._runtime = runtime
        self._timings = timings
        self._observer = Observer(runtime, checks, timings.observe_every_sec)
        self._recorder = Recorder(runtime, timings)
        self._people = PeopleNotifier(self._notify_urls)
        self._notifier = Notifier()
        self._loop = Loop()
        self._presence = Presence("watchdog", lambda: runtime.db, self._loop.is_running)
        self._started = time.monotonic()
        self._board = Board(clear_sec=timings.clear_sec, cause_sec=timings.cause_sec)
        self._incident = Incident()
        self._clock = ClockWatch(time.time(), self._started, timings.steady_sec)
        self._progress = Progress(self._started, timings)
        self._outbox = OutboxWatch()
        self._stall = SilentStall()
        self._absence = AbsenceWatch(timings.shown_sec)
        self._muting = Muting()
        self._role = ""
        self._end = threading.Event()

    def run(self) -> None:
        """Watch until `stop`."""
        self._observer.start()
        self._recorder.start()
        self._presence.start()
        log.info("watchdog starts")
        try:
            while not self._end.is_set():
                self._loop.record_iteration()
                self._notifier.alive()
                self._iterate_safely()
                self._end.wait(self._timings.observe_every_sec / 2)
        finally:
            self._notifier.stopping()
            self._close()

    def stop(self) -> None:
        """End soon; safe in a signal handler."""
        self._end.set()

    def _close(self) -> None:
        self._recorder.close()
        self._people.close()
        self._observer.close()
        self._presence.close()
        self._runtime.close()

    def _iterate_safely(self) -> None:
        try:
            self._iterate()
        except Exception:
            # An error here must not stop the watchdog.
            log.exception("watchdog: an iteration failed, the next iteration follows")

    def _iterate(self) -> None:
        now, wall = time.monotonic(), clock.estimate(self._runtime.db.engine)
        self._watch_clock(now, wall)
        standing, seen = self._recorder.standing, self._seen(wall)
        if seen is None or self._waits_for_answer(standing, now):
            return
        standstill = self._progress.standstill(seen.facts, now)
        self._heal(seen, now, standing)
        if not self._take_role(standing, now, wall):
            return
        if standing.leads and self._waits_for_absence(standing, seen, now, wall):
            return
        outbox_still_sec = self._outbox.still_sec(seen.facts, now)
        judged = judge(seen, standstill, self._board.ringing, self._timings, outbox_still_sec)
        moved = self._board.move(
            [*judged.conditions, *self._clock_condition(now)],
            (judged.kinds - self._unsure(seen, standstill, now)) | {AlarmKind.CLOCK_JUMP},
            self._runtime.settings.ai_analysis.alarm_repeat_sec,
            now,
            wall,
        )
        types = types_by_kind(seen.facts, standstill)
        notices = self._muting.marked(moved, standing.mutes, types, wall)
        if notices:
            self._record(notices, messages(notices, seen.facts, self._absence.found), seen)
        continuing = self._board.continuing(now, wall)
        released = self._muting.released(continuing, standing.mutes, types, wall)
        if released:
            # Table, log and bus have these alarms already: the table notes the notification.
            again = tuple(replace(notice, change=Change.REPEATED) for notice in released)
            self._recorder.write(Entry(again))
        audible = [*(notice for notice in notices if notice.notified), *released]
        for message in self._incident.sift(audible, seen.facts, self._absence.found, now):
            self._people.notify(message)

    def _unsure(
        self, seen: Observation, still: Standstill | None, now: float
    ) -> frozenset[AlarmKind]:
        facts = seen.facts
        # Without the database, neither a standstill nor progress can be seen.
        seen_all = facts.snapshot is not None and self._progress.is_settled(facts.settings, now)
        settled = still is not None or seen_all
        age_sec, steady_sec = now - self._started, self._clock.steady_sec(now)
        return unsure(facts, age_sec, steady_sec, settled, self._timings.start_sec)

    def _seen(self, wall: float) -> Observation | None:
        """The newest observation, or what is known while an observation gets no answer."""
        silent_sec = self._observer.silent_sec()
        if silent_sec > self._timings.blind_after_sec:
            return self._observer.without_database(wall, silent_sec)
        return self._observer.newest

    def _waits_for_answer(self, standing: Standing, now: float) -> bool:
        """Whether it is too early to judge: the ringing alarms are not read back yet."""
        return not standing.number and now - self._started < self._timings.read_back_sec

    def _take_role(self, standing: Standing, now: float, wall: float) -> bool:
        """Whether to notify: as the lease holder, or alone without a database."""
        role = _ROLES[standing.leads]
        changed, self._role = role != self._role, role
        if changed:
            log.info("watchdog %s", role)
        if standing.leads is False:
            # Start from the alarms of the other watchdog, in case it falls silent.
            self._board.clear()
            self._incident, self._muting = Incident(), Muting()
        if standing.leads is False or (standing.leads and changed):
            self._adopt(standing, now, wall)
        return standing.leads is not False

    def _waits_for_absence(
        self, standing: Standing, seen: Observation, now: float, wall: float
    ) -> bool:
        """Notify once of the time when nothing ran; True while that time is not known yet."""
        before, started_at = self._absence.found, wall - (now - self._started)
        if self._absence.check(standing.left_at, started_at, seen.facts, now):
            return True
        absence = self._absence.found
        if absence and not before:
            rings = any(row.kind == AlarmKind.INFERENCE_STALLED for row in standing.ringing)
            message = of_absence(absence, seen.facts, wall, rings=rings)
            notice = as_alarm(absence, message.reason, wall)
            if rings:
                # The old alarm goes on; people are notified when it is over.
                event = Event(wall, NOT_RUNNING, "", message.reason)
                self._recorder.write(Entry(events=(event,)))
            else:
                # Adopt it as a ringing alarm: later observations end it or change its cause.
                key = (notice.kind, notice.subject, notice.cause)
                condition = Condition(*key, notice.reason, explains=True)
                self._board.adopt(condition, notice.began_at, wall, wall, now, wall)
            self._record([] if rings else [notice], [message], seen)
            self._people.notify(message)
        return False

    def _adopt(self, standing: Standing, now: float, wall: float) -> None:
        analysis = self._runtime.settings.ai_analysis
        kinds = {row.kind for row in standing.ringing}
        for row in standing.ringing:
            if row.kind in _KINDS:
                cause = alarms.cause_of(row)
                condition = Condition(row.kind, row.subject, cause, reason=cause)
                held_back = may_be_held_back(row.kind, wall - row.told_at, kinds, analysis)
                notified_at = 0.0 if held_back else row.told_at  # 0: notify again now
                if not row.told_at:
                    self._muting.keep((row.kind, row.subject))
                    notified_at = row.raised_at
                self._board.adopt(condition, row.began_at, row.raised_at, notified_at, now, wall)

    def _watch_clock(self, now: float, wall: float) -> None:
        jump_sec = self._clock.compare(time.time(), now)
        if jump_sec:
            self._progress.unsettle(now)
            reason = Reason.of("event.clock_jumped", jump_sec=jump_sec)
            self._recorder.write(Entry(events=(Event(wall, "clock_jump", "", reason),)))

    def _clock_condition(self, now: float) -> list[Condition]:
        if self._clock.is_steady(now):
            return []
        jump_sec = self._clock.jump_sec
        return [
            Condition(AlarmKind.CLOCK_JUMP, "", found_cause("clock_jumped"), clock_jump(jump_sec))
        ]

    def _heal(self, seen: Observation, now: float, standing: Standing) -> None:
        """Request the restart that heals stalled workers: from `easyai up`, or else from them.

        Workers that no supervisor would restart do not end (self_end.py): people get their alarm.
        """
        facts = seen.facts
        reason = self._stall.reason_to_restart(facts, now)
        if not reason:
            return
        asked = self._notifier.ask_restart("worker", reason)
        log.error("worker stalled: %s; restart asked for: %s", text(reason), asked)
        if standing.leads and not is_supervised():
            workers = facts.snapshot.working("worker", facts.now) if facts.snapshot else []
            requests = [self_end.request(facts.now, worker.name, reason) for worker in workers]
            self._recorder.write(Entry(events=tuple(requests)))

    def _record(
        self, notices: Sequence[Notice], found: Sequence[Message], seen: Observation
    ) -> None:
        for message in found:
            level = logging.INFO if message.change == Change.OVER else logging.WARNING
            for line in message.log_lines:
                log.log(level, "%s", line)
        self._recorder.write(Entry(tuple(notices), tuple(found), facts=seen.facts))

    def _notify_urls(self) -> list[str]:
        urls: Sequence[Any] = self._runtime.settings.ai_analysis.notify_urls
        return [url.get_secret_value() for url in urls]
