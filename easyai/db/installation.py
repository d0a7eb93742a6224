"""The SQL of the installation's id."""

from __future__ import annotations

from sqlalchemy import Connection, text

_ID = text("SELECT installation_id FROM installation WHERE pk = 1")


def installation_id(conn: Connection) -> str:
    """The id that the migration gave this database; it never changes."""
    own_id: str = conn.execute(_ID).scalar_one()
    return own_id
