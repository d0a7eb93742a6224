"""The SQL of sessions: every API process of an installation knows the same people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import Connection, text

#: A session ends after so long without use.
IDLE_SEC: Final = 12 * 3600.0
#: A session ends so long after the login, even in use.
LONGEST_SEC: Final = 7 * 86_400.0

_FIND = text("""
    SELECT digest, role, person, token_mac, created_at, seen_at FROM sessions
     WHERE digest = :digest
""")
_ADD = text("""
    INSERT INTO sessions (digest, role, person, token_mac, created_at, seen_at)
    VALUES (:digest, :role, :person, :token_mac, :created_at, :seen_at)
""")
_SEE = text("UPDATE sessions SET seen_at = :now WHERE digest = :digest AND seen_at < :now")
_REMOVE = text("DELETE FROM sessions WHERE digest = :digest")
_FORGET = text("DELETE FROM sessions WHERE seen_at < :idle_since OR created_at < :begun_before")


@dataclass(frozen=True, slots=True)
class Session:
    """A person who logged in; see `LoginSession` for the columns."""

    digest: str
    role: str
    person: str
    token_mac: str
    created_at: float  # Unix seconds
    seen_at: float

    def lasts(self, now: float) -> bool:
        """Whether the session has not ended by its age or for lack of use."""
        return now - self.seen_at < IDLE_SEC and now - self.created_at < LONGEST_SEC


def find(conn: Connection, digest: str) -> Session | None:
    """The session with a digest, ended or not."""
    row = conn.execute(_FIND, {"digest": digest}).one_or_none()
    return None if row is None else Session(*row)


def add(conn: Connection, session: Session) -> None:
    """Record a session; forget those that have ended."""
    now = session.created_at
    conn.execute(_FORGET, {"idle_since": now - IDLE_SEC, "begun_before": now - LONGEST_SEC})
    conn.execute(_ADD, asdict(session))


def see(conn: Connection, digest: str, now: float) -> None:
    """Record that a session is in use."""
    conn.execute(_SEE, {"digest": digest, "now": now})


def remove(conn: Connection, digest: str) -> bool:
    """End a session; returns whether the session existed."""
    return conn.execute(_REMOVE, {"digest": digest}).rowcount > 0
