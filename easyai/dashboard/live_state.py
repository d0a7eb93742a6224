"""The live state: every section, read in a transaction and written once a language.

A section is read again after a pause of `rest` times what its reading and writing took, of 5 s at
most: so a page that looks takes little of a core. A tick leaves to the next tick what would make it
take more than some milliseconds; the next tick begins with what has waited longest. What is overdue
by more than 5 s does not wait for that, but on a slow database one such reading ends the tick.
Everything is read when somebody looks again after a pause.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection

from easyai.dashboard.sections.section import LONGEST_REST_SEC, Reader, Section
from easyai.db import clock, live_rows
from easyai.db.session import Database
from easyai.domain.json_text import result_text

# Readings and their writing may take so long in a tick, beside what it must read. What takes longer
# has a tick of its own.
_MOST_SEC: Final = 0.008
# After this time a tick makes only the readings of each tick: it must end in time.
_LONGEST_SEC: Final = 1.0
_OLD_SEC: Final = 60.0  # nobody looked meanwhile: older state is never shown as the present one


class Written(NamedTuple):
    """A section as JSON."""

    whole: str
    news: str  # for who knows the section as it was at the last tick


class Tick(NamedTuple):
    """The state at a moment: by language, each section as JSON."""

    at: float  # Unix seconds, by the database's clock
    sections: Mapping[str, Mapping[str, Written]]


class LiveState:
    """Reads the state; for a single thread."""

    def __init__(
        self, db: Database, sections: Sequence[Section], counts: Sequence[Reader] = ()
    ) -> None:
        """`counts`: what sections show of readings that cost more than their own."""
        self._db = db
        self._sections = [_Paced(section) for section in sections]
        self._readers = [*map(_Turn, counts), *self._sections]

    def tick(self, languages: Iterable[str]) -> Tick:
        """The state now. Raises DatabaseUnavailableError."""
        with self._db.read() as conn:
            live_rows.bound(conn)
            now = clock.now(conn)
            self._read(conn, now)
        return Tick(
            now,
            {
                language: {section.name: section.written(language) for section in self._sections}
                for language in languages
            },
        )

    def _read(self, conn: Connection, now: float) -> None:
        began = time.monotonic()
        has_read_overdue, spent_sec = False, 0.0  # spent by readers that can wait
        for reader in sorted(self._readers, key=lambda reader: reader.due_at):
            moment = time.monotonic()
            overdue_sec, has_time = moment - reader.due_at, moment - began < _LONGEST_SEC
            if overdue_sec > _OLD_SEC:
                reader.read(conn, now)
            elif overdue_sec > LONGEST_REST_SEC:
                # A reading at least, so that each has its turn on a slow database too.
                if has_time or not has_read_overdue:
                    reader.read(conn, now)
                    has_read_overdue = True
            elif overdue_sec >= 0 and has_time:
                expected_sec = reader.took_sec
                if not spent_sec or spent_sec + expected_sec <= _MOST_SEC:
                    reader.read(conn, now)
                    spent_sec += max(expected_sec, reader.took_sec)


class _Turn:
    """A reader that rests after it has read."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.took_sec = 0.0  # the last reading and its writing
        self._read_at = 0.0  # monotonic

    @property
    def due_at(self) -> float:
        """When to read again, monotonic; minus infinity: in every tick."""
        if not self._reader.rest or not self._read_at:
            return -math.inf
        return self._read_at + min(self._reader.rest * self.took_sec, LONGEST_REST_SEC)

    def read(self, conn: Connection, now: float) -> None:
        began = time.monotonic()
        self._reader.read(conn, now)
        self._read_at = time.monotonic()
        self.took_sec = self._read_at - began


class _Paced(_Turn):
    """A section that rests after it was read."""

    def __init__(self, section: Section) -> None:
        super().__init__(section)
        self.name = section.name
        self._section = section
        self._written: dict[str, Written] = {}

    def read(self, conn: Connection, now: float) -> None:
        super().read(conn, now)
        self._written.clear()

    def written(self, language: str) -> Written:
        if language not in self._written:
            began = time.monotonic()
            shown = self._section.show(language)
            whole = result_text(shown.whole)
            news = whole if shown.news is None else result_text(shown.news)
            self._written[language] = Written(whole, news)
            self.took_sec += time.monotonic() - began
        return self._written[language]
