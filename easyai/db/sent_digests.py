"""The SQL of digests of sent pictures: a picture sent again is known also after a restart."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from easyai.db.locks import Skipping

MOST: Final = 10_000  # pictures that are remembered
_FIND = text("""
    SELECT digest, EXISTS (SELECT 1 FROM frames WHERE frames.id > sent_pictures.after_frame
                                                  AND frames.key = sent_pictures.key)
      FROM sent_pictures WHERE key = :key
""")
_REMEMBER = text("""
    INSERT INTO sent_pictures (key, digest, after_frame)
    VALUES (:key, :digest, (SELECT coalesce(max(id), 0) FROM frames))
    ON CONFLICT (key) DO UPDATE SET digest = excluded.digest, after_frame = excluded.after_frame
    RETURNING id
""")
_FORGET = Skipping("""
    DELETE FROM sent_pictures
     WHERE id IN (SELECT id FROM sent_pictures WHERE id <= :last {skipping})
""")


class SentBefore(NamedTuple):
    """A picture that was to be written under a key."""

    digest: str
    recorded: bool  # whether it was written: a frame of its key was recorded since


def find(conn: Connection, key: str) -> SentBefore | None:
    """What was sent under a key."""
    row = conn.execute(_FIND, {"key": key}).first()
    return None if row is None else SentBefore(row[0], bool(row[1]))


def remember(conn: Connection, key: str, digest: str) -> None:
    """Remember a picture that is about to be written; forgets all but the newest `MOST`."""
    pk: int = conn.execute(_REMEMBER, {"key": key, "digest": digest}).scalar_one()
    conn.execute(_FORGET.on(conn), {"last": pk - MOST})
