"""Writes a diagnosis as Markdown: the incident report, for terminals, mails and tickets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from easyai.diagnosis.causes.cause import Cause
from easyai.diagnosis.contents import Diagnosis
from easyai.diagnosis.report.entries import alarm, called, event, is_alarm
from easyai.diagnosis.report.ignored import ignored
from easyai.diagnosis.report.markdown import command, table
from easyai.diagnosis.report.worst import (
    MOST_ROWS,
    further_types,
    unwell_services,
    well_services,
    worst_types,
)
from easyai.diagnosis.timeline import Entry
from easyai.domain.reason import Reason
from easyai.health.snapshot import AlarmFacts, ServiceFacts, TypeFacts
from easyai.messages.catalogue import ENGLISH, text
from easyai.messages.terms import breaker_name, check_name, kind_name, state_name
from easyai.messages.wording import moment, names, plain, time_of_day
from easyai.process.database_library import library
from easyai.settings.commands import easyai_command, report_command
from easyai.version import version

_MOST_RECOVERED: Final = 20
_TOGETHER_SEC: Final = 60.0
_LONGEST_TEXT: Final = 200  # characters of a line of the timeline


def markdown(diagnosis: Diagnosis, language: str = ENGLISH) -> str:
    """The report in a language, ending with a line break.

    When all is well, it has three lines and the alarms that ended within the last day.
    """
    lines = _Report(diagnosis, language).lines()
    return "\n".join(lines).rstrip() + "\n"


class _Report:
    def __init__(self, diagnosis: Diagnosis, language: str) -> None:
        self._diagnosis = diagnosis
        self._facts = diagnosis.facts
        self._language = language

    def lines(self) -> Iterator[str]:
        """The lines of the report."""
        diagnosis = self._diagnosis
        if diagnosis.well:
            *lines, last = diagnosis.symptom.lines
            lines.append(Reason.of("report.well_parts", line=last, parts=self._parts()))
            yield from map(self._text, lines)
            yield from self._remarks()
            yield from self._recovered()
            return
        yield f"# {self._text(Reason.of('report.title', now=self._facts.now))}"
        yield from self._symptom()
        yield from self._causes()
        yield from self._remarks()
        yield from self._services()
        yield from self._timeline()
        yield from self._recovered()
        yield from self._ringing()
        yield from self._checks()
        yield from self._verify()

    def _text(self, reason: Reason) -> str:
        return plain(text(reason, self._language))

    def _heading(self, code: str) -> list[str]:
        return ["", f"## {self._text(Reason(code))}", ""]

    def _columns(self, code: str) -> list[str]:
        return self._text(Reason(code)).split("|")

    def _symptom(self) -> Iterator[str]:
        yield from self._heading("report.symptom")
        first, *rest = self._diagnosis.symptom.lines
        yield f"**{self._text(first)}**"
        if rest:
            yield ""
            yield from (f"- {self._text(line)}" for line in rest)
        types = worst_types(self._facts)
        if types:
            yield ""
            yield from table(
                self._columns("report.waiting_columns"), map(_type_row, types[:MOST_ROWS])
            )
        if further := types[MOST_ROWS:]:
            yield from ("", self._text(further_types(further)))

    def _causes(self) -> Iterator[str]:
        yield from self._heading("report.causes")
        causes = self._diagnosis.root_causes
        if not causes:
            yield self._text(Reason("report.no_cause"))
        for number, cause in enumerate(causes, 1):
            yield from self._cause(number, cause)

    def _remarks(self) -> Iterator[str]:
        remarks = self._diagnosis.remarks
        if remarks:
            yield from self._heading("report.remarks")
        for number, cause in enumerate(remarks, 1):
            yield from self._cause(number, cause)

    def _cause(self, number: int, cause: Cause) -> Iterator[str]:
        if number > 1:
            yield ""
        yield f"### {number}. {self._text(cause.title)}"
        yield ""
        yield f"{self._text(Reason('report.evidence'))} (`{cause.code}`):"
        yield from (f"- {self._text(line)}" for line in cause.evidence)
        yield ""
        yield f"{self._text(Reason('report.remedies'))}:"
        for step, remedy in enumerate(cause.remedies, 1):
            yield f"{step}. {self._text(remedy.text)}"
            if remedy.command:
                yield from command(remedy.command, indent="   ")

    def _services(self) -> Iterator[str]:
        snapshot = self._facts.snapshot
        if snapshot is None or not snapshot.services:
            return
        yield from self._heading("report.services")
        unwell = unwell_services(self._facts)
        if unwell:
            yield from self._service_table(unwell)
        if len(unwell) < len(snapshot.services):
            yield from ([""] if unwell else [])
            yield self._text(well_services(self._facts, unwell))

    def _service_table(self, unwell: Sequence[ServiceFacts]) -> Iterator[str]:
        """Services with equal cells share a row; the largest groups come first."""
        groups: dict[tuple[str, ...], list[ServiceFacts]] = {}
        for service in unwell:
            groups.setdefault(self._service_cells(service), []).append(service)
        ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
        rows = [
            (
                f"{names(service.service_id for service in some)} ({len(some)})",
                *cells[:2],
                _beats(some),
                *cells[2:],
            )
            for cells, some in ordered[:MOST_ROWS]
        ]
        yield from table(self._columns("report.service_columns"), rows)
        if more := sum(len(some) for _, some in ordered[MOST_ROWS:]):
            yield from ("", self._text(Reason.of("report.further_services", n=more)))

    def _service_cells(self, service: ServiceFacts) -> tuple[str, ...]:
        probe = self._facts.probes.get(service.pk) if self._facts.probes is not None else None
        failed = service.last_failure_at > service.last_success_at
        return (
            self._text(state_name(service.state)),
            self._text(service.state_reason),
            "-" if probe is None else self._text(probe or Reason("report.ok")),
            self._text(breaker_name(service.breaker)),
            self._text(service.last_failure_reason) if failed else "",
        )

    def _timeline(self) -> Iterator[str]:
        if self._facts.snapshot is None:
            return
        yield from self._heading("report.timeline")
        entries = self._diagnosis.timeline
        if not entries:
            yield self._text(Reason("report.no_events"))
        for entry in entries:
            yield self._entry(entry)

    def _entry(self, entry: Entry) -> str:
        count = f"{entry.count} × " if entry.count > 1 else ""
        until = "" if entry.until - entry.at < 1 else f" … {time_of_day(entry.until)}"
        head = f"- {moment(entry.at)}{until} {self._text(kind_name(entry.kind))}: "
        if is_alarm(entry):
            return plain(f"{head}{count}{self._text(alarm(entry, self._facts))}")
        who = count + names(subject for subject in entry.subjects if subject)
        words = self._text(event(entry))
        if len(words) > _LONGEST_TEXT:
            words = words[:_LONGEST_TEXT].rstrip("…") + "…"
        return plain(f"{head}{who}: {words}" if who else f"{head}{words}")

    def _recovered(self) -> Iterator[str]:
        over = self._diagnosis.recovered
        if not over:
            return
        yield from self._heading("report.recovered")
        yield from list(self._alarms(over))[:_MOST_RECOVERED]

    def _ringing(self) -> Iterator[str]:
        ringing = self._diagnosis.ringing
        if not ringing:
            return
        yield from self._heading("report.ringing")
        yield from self._alarms(ringing)

    def _alarms(self, alarms: Sequence[AlarmFacts]) -> Iterator[str]:
        """Alarms of the same kind and cause that began and ended together share a line."""
        groups: dict[tuple[object, ...], list[AlarmFacts]] = {}
        for alarm_facts in alarms:
            over = alarm_facts.over_at and alarm_facts.over_at // _TOGETHER_SEC
            groups.setdefault(
                (alarm_facts.kind, alarm_facts.cause, int(alarm_facts.raised_at), over), []
            ).append(alarm_facts)
        yield from (self._alarm(some) for some in groups.values())

    def _alarm(self, some: Sequence[AlarmFacts]) -> str:
        first, now = some[0], self._facts.now
        began_at = min(member.began_at for member in some)
        over_at = max(member.over_at or 0.0 for member in some)
        end = f" {moment(over_at)}" if over_at else ""
        # An alarm for all types, beside alarms of single types, must not count a type twice.
        number = len({member.subject for member in some if member.subject}) or len(some)
        subjects = called((member.subject for member in some), self._facts)
        cause = first.cause
        line = Reason.of(
            "report.alarm",
            lasted_sec=max(member.lasted_sec(now) for member in some),
            count=f"{number} × " if number > 1 else None,
            kind=first.kind,
            subjects=Reason.of("timeline.alarm_subjects", names=subjects) if subjects else None,
            cause=Reason.of("report.alarm_cause", cause=cause) if cause else None,
            told_at=first.raised_at,
        )
        return f"- {moment(began_at)} …{end} {self._text(line)}"

    def _checks(self) -> Iterator[str]:
        yield from self._heading("report.checks")
        checks = self._diagnosis.checks
        broken = [result for result in checks if not result.ok]
        rows = [
            (
                self._text(check_name(result.name)),
                self._text(Reason("report.not_ok")),
                self._text(result.reason),
            )
            for result in broken
        ]
        if rows:
            yield from (*table(self._columns("report.check_columns"), rows), "")
        if passing := len(checks) - len(broken):
            yield self._text(Reason.of("report.passing_checks", n=passing))
        yield self._text(self._parts())
        yield from (self._text(ignored(condition)) for condition in self._facts.store_ignores)

    def _parts(self) -> Reason:
        database = library(self._facts.settings.easyai.effective_database_url).summary
        return Reason.of("report.parts", version=version(), database=database)

    def _verify(self) -> Iterator[str]:
        yield from self._heading("report.afterwards")
        yield self._text(Reason("report.afterwards_text"))
        settings = self._facts.settings
        shown = (("stats",), ("services", "--all"))
        commands = [easyai_command(settings, *command_words) for command_words in shown]
        commands.append(text(report_command(settings), self._language))
        yield from command("\n".join(commands))


def _type_row(task_type: TypeFacts) -> tuple[str, ...]:
    numbers = (task_type.pending, task_type.parked, task_type.leased, task_type.failed)
    return (
        task_type.name,
        *map(str, numbers),
        _when(task_type.oldest_wait_at),
        _when(task_type.last_success_at),
    )


def _when(unix: float) -> str:
    return moment(unix) if unix else "-"


def _beats(some: Sequence[ServiceFacts]) -> str:
    return _when(max(service.last_heartbeat for service in some))
