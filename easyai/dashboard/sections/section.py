"""What a section of the live state is."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, Protocol

from sqlalchemy import Connection

#: The pause after a section was read, as a multiple of what its reading and writing took.
REST: Final = 20
#: No pause is longer: on a busy machine a reading takes long, but people still look.
LONGEST_REST_SEC: Final = 5.0


class Shown(NamedTuple):
    """A section in a language, JSON-ready."""

    whole: Any
    news: Any = None  # for tabs that know the section as it was at the last reading; None: `whole`


class Reader(Protocol):
    """Reads something that sections show; used by a single thread."""

    @property
    def rest(self) -> int:
        """The pause after a reading, as a multiple of what it took with its writing; 0: none."""

    def read(self, conn: Connection, now: float) -> None:
        """Read what is shown, in the transaction of the tick; `now`: the database's clock."""


class Section(Reader, Protocol):
    """A part of the live state."""

    @property
    def name(self) -> str:
        """The key of the section in messages."""

    def show(self, language: str) -> Shown:
        """What was read, after the transaction."""
