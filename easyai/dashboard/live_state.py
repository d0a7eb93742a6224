"""The live state: every section, read in a transaction and written once a language.

A section is read again after a pause of `rest` times what its reading and writing took, of 5 s at
most: so a page that looks takes little of a core.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from easyai.dashboard.sections.section import LONGEST_REST_SEC, Section
from easyai.db import clock, live_rows
from easyai.db.session import Database
from easyai.domain.json_text import result_text


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

    def __init__(self, db: Database, sections: Sequence[Section]) -> None:
        self._db = db
        self._sections = [_Paced(section) for section in sections]

    def tick(self, languages: Iterable[str]) -> Tick:
        """The state now. Raises DatabaseUnavailableError."""
        with self._db.read() as conn:
            live_rows.bound(conn)
            now = clock.now(conn)
            for section in self._sections:
                section.read(conn, now)
        return Tick(
            now,
            {
                language: {section.name: section.written(language) for section in self._sections}
                for language in languages
            },
        )


class _Paced:
    """A section that rests after it was read."""

    def __init__(self, section: Section) -> None:
        self.name = section.name
        self._section = section
        self._written: dict[str, Written] = {}
        self._took_sec = 0.0
        self._read_at = 0.0  # monotonic

    def read(self, conn: Connection, now: float) -> None:
        began = time.monotonic()
        if began < self._read_at + min(self._section.rest * self._took_sec, LONGEST_REST_SEC):
            return
        self._section.read(conn, now)
        self._written.clear()
        self._read_at = time.monotonic()
        self._took_sec = self._read_at - began

    def written(self, language: str) -> Written:
        if language not in self._written:
            began = time.monotonic()
            shown = self._section.show(language)
            whole = result_text(shown.whole)
            news = whole if shown.news is None else result_text(shown.news)
            self._written[language] = Written(whole, news)
            self._took_sec += time.monotonic() - began
        return self._written[language]
