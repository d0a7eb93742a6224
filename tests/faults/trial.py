"""A trial: an installation at work, a fault, and the checks afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType

from tests.faults import invariants
from tests.faults.camera import Camera
from tests.faults.fleet import Fleet
from tests.faults.installations import Site
from tests.faults.ledger_view import LedgerView
from tests.faults.outcome import Outcome
from tests.faults.people import Message, People
from tests.faults.together import together
from tests.support.waiting import wait_until

_START_LIMIT_SEC = 30.0
_SETTLE_SEC = 60.0
_UNKNOWN = "The cause is not known"
_BLAMES_SERVICES = {
    "services_died",
    "inference_hangs",
    "inference_fails",
    "heartbeats_not_arriving",
    "endpoint_unreachable",
    "no_service",
}
LIMIT = 24  # max_concurrent_infer of every trial

#: Of every trial: nothing is trimmed, for every alert is looked for at the end.
ALWAYS = f"""
[ai_analysis]
max_concurrent_infer = {LIMIT}
max_alerts_in_db = 0
"""
#: Short times, so that a trial takes seconds; docs/reliability.md names them.
SHORT = """\
lease_sec = 3
infer_timeout_sec = 5
heartbeat_timeout_sec = 5
stall_alarm_sec = 5
"""


class Trial:
    """The installation that a test breaks and checks; made by the fixture `trials`."""

    def __init__(
        self,
        site: Site,
        fleets: Sequence[Fleet],
        camera: Camera,
        people: People,
        record: Callable[[Outcome], None],
    ) -> None:
        self.site, self.fleets, self.camera, self.people = site, list(fleets), camera, people
        self.ledger = LedgerView(site.database_url)
        self.began_at = self.ended_at = 0.0
        self.settle_sec = _SETTLE_SEC
        self.services_at_fault = False
        self.pardoned: tuple[str, ...] = ()  # outcomes that the fault itself brings about
        self.excused: set[str] = set()  # keys whose picture it took away: they may lack a row
        self.standing: set[str] = set()  # kinds that ring before the fault, and all the time
        self._outcomes: list[Outcome] = []
        self._checked = (0, 0)  # frames and alerts of the faults before
        self._working_since = 0.0
        self._expected: set[str] = set()  # kinds of alarms since then
        self._record = record

    @property
    def fleet(self) -> Fleet:
        """The services, where they are a single process."""
        (fleet,) = self.fleets
        return fleet

    def begin(self) -> None:
        """Start everything and wait for the first results."""
        together(self.site.start, *(fleet.start for fleet in self.fleets))
        self._work()

    def _work(self) -> None:
        self.camera.start()
        self.flows()
        wait_until(self.ledger.watched, _START_LIMIT_SEC, "a watchdog watches", 0.1)
        # Of a slow start, or the fault before; none may be taken for the next fault's.
        wait_until(self._quiet, _START_LIMIT_SEC, "no alarm rings before the fault", 0.1)
        self._working_since, self._expected = time.time(), set()

    def _quiet(self) -> bool:
        alarms = self.ledger.alarms()
        return all(row.over_at is not None or row.kind in self.standing for row in alarms)

    def flows(self, more: int = 10, limit_sec: float = _START_LIMIT_SEC) -> None:
        """Wait until so many more frames have been inferred."""
        wanted = self.ledger.done() + more
        wait_until(lambda: self.ledger.done() >= wanted, limit_sec, "frames are inferred", 0.1)

    @contextmanager
    def fault(self, name: str, times: int = 1, also: Sequence[str] = ()) -> Iterator[Outcome]:
        """The time in which something is broken; `name` stands in the report.

        `also`: kinds of alarms that may be raised besides those that are asked for.
        """
        self._expected.update(also)
        if not self._outcomes or self._outcomes[-1].fault != name:
            self._outcomes.append(Outcome(name, self.site.kind, times=times))
        self.began_at = time.time()
        yield self._outcomes[-1]
        self.ended_at = time.time()

    def resumes(self, within_sec: float) -> float:
        """Assert that a frame leased after the fault's end is inferred in time; the seconds."""
        outcome = self._the_outcome()
        outcome.resume_limit_sec = within_sec

        def first() -> float | None:
            return self.ledger.first_success(self.ended_at)

        found = wait_until(first, within_sec + 20, "work goes on after the fault", 0.1)
        took = max(0.0, found - self.ended_at)
        outcome.resumed_sec = max(took, outcome.resumed_sec or 0.0)
        assert took <= within_sec, f"work went on after {took:.1f} s, not {within_sec:g}"
        return took

    def goes_on(self, within_sec: float) -> float:
        """As `resumes`, by the record of the algorithms: for faults that move clocks."""
        since = time.time()

        def first() -> float | None:
            every = [request for fleet in self.fleets for request in fleet.requests()]
            found = [
                request.over_at
                for request in every
                if request.at >= since and request.what == "answered"
            ]
            return min(found, default=None)

        outcome = self._the_outcome()
        outcome.resume_limit_sec = within_sec
        took = wait_until(first, within_sec, "frames are answered", 0.2) - since
        outcome.resumed_sec = max(took, outcome.resumed_sec or 0.0)
        return took

    def alarm(self, kind: str, cause: str, *, within_sec: float) -> Message:
        """Assert that an alarm was notified since the fault began, with no wrong cause.

        `cause` are words of the first message that names a cause; the last such words are
        in the report, with the time of the first message.
        """
        title = f"easyai: {kind}"

        def explained() -> Message | None:
            messages = self.people.titled(title, self.began_at)
            return next((message for message in messages if _UNKNOWN not in message.text), None)

        message = wait_until(explained, within_sec, f"{kind} {cause} is notified", 0.1)
        assert cause in message.text, f"another cause of {kind} was notified"
        self._expected.add(kind)
        outcome = self._the_outcome()
        outcome.alarm, outcome.cause = kind, cause
        outcome.alarm_after_sec = self.people.titled(title, self.began_at)[0].at - self.began_at
        return message

    def no_alarm(self, kind: str) -> None:
        """Assert that this alarm was not raised since the fault began."""
        raised = [row for row in self.ledger.alarms() if row.kind == kind]
        assert not [row for row in raised if row.raised_at >= self.began_at], f"{kind} was raised"

    def alarm_over(self, kind: str, *, within_sec: float) -> None:
        """Assert that no alarm of this kind rings any more and that its end was notified."""

        def silent() -> bool:
            rows = [row for row in self.ledger.alarms() if row.kind == kind]
            return bool(rows) and all(row.over_at is not None for row in rows)

        wait_until(silent, within_sec, f"{kind} is over", 0.1)
        title = f"easyai: recovered ({kind})"
        messages = wait_until(
            lambda: self.people.titled(title, self.began_at),
            within_sec,
            f"people hear {title}",
            0.1,
        )
        self._the_outcome().alarm_over_sec = max(0.0, messages[0].at - self.ended_at)

    def settle(self) -> None:
        """Stop the camera and wait until every frame put in has its fate.

        Services answer at once from here on: what waits goes through as before, only sooner.
        """
        self.camera.stop()
        for fleet in self.fleets:
            fleet.control(delay_sec=0.0)
        wanted = set(self.camera.keys) - self.excused
        wait_until(
            lambda: wanted <= self.ledger.keys(), self.settle_sec, "every frame is found", 0.2
        )
        limit = time.monotonic() + self.settle_sec
        while count := self.ledger.unsettled():
            some = self.ledger.examples
            assert time.monotonic() < limit, f"{count} frames not settled, such as {some()}"
            time.sleep(0.2)

    def check(self) -> None:
        """Assert the invariants and record the outcome for the report."""
        fates = invariants.check(
            self.ledger,
            self.site.frames,
            self.camera.keys,
            self.fleets,
            limit=LIMIT,
            pardoned=self.pardoned,
            excused=self.excused,
        )
        self._check_alarms()
        outcome, (put_in, alerts) = self._the_outcome(), self._checked
        outcome.put_in, outcome.alerts = fates.put_in - put_in, fates.alerts - alerts
        self._checked = (fates.put_in, fates.alerts)

    def _check_alarms(self) -> None:
        raised = [row for row in self.ledger.alarms() if row.raised_at >= self._working_since]
        others = {row.kind for row in raised} - self._expected - self.standing
        others -= {"inference_stalled"}
        assert not others, f"alarms that have nothing to do with the fault: {others}"
        blamed = {row.cause for row in raised} & _BLAMES_SERVICES
        assert self.services_at_fault or not blamed, f"services are blamed for the fault: {blamed}"

    def rest(self) -> None:
        """Between two faults: all is settled and checked as at the end, then work goes on."""
        self.settle()
        self.check()
        for fleet in self.fleets:
            fleet.control(delay_sec=fleet.delay_sec)
        self._work()

    def finish(self) -> None:
        """Settle, check, stop; then the outcomes are recorded."""
        self.settle()
        self.check()
        self.site.stop()
        for outcome in self._outcomes:
            self._record(outcome)

    def close(self) -> None:
        """End whatever is left, without asking."""
        self.camera.stop()
        for fleet in self.fleets:
            fleet.close()
        self.site.close()
        self.people.close()

    def _the_outcome(self) -> Outcome:
        assert self._outcomes, "no fault was begun"
        return self._outcomes[-1]

    def __enter__(self) -> Trial:
        try:
            self.begin()
        except BaseException:
            self._print_output()
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.finish()
        except BaseException:
            self._print_output()
            raise
        else:
            if error is not None:
                self._print_output()
        finally:
            self.close()

    def _print_output(self) -> None:
        print(self.site.output())  # pytest shows it when the test failed
