"""The table of sessions (db/sessions.py)."""

from __future__ import annotations

from sqlalchemy import Double, Text
from sqlalchemy.orm import Mapped, mapped_column

from easyai.db.models_base import Base


class LoginSession(Base):
    """A person who logged in to the dashboard; nothing in a row lets its reader log in."""

    __tablename__ = "sessions"

    digest: Mapped[str] = mapped_column(Text, primary_key=True)  # SHA-256 of the cookie's value
    role: Mapped[str] = mapped_column(Text)  # operator, viewer
    person: Mapped[str] = mapped_column(Text)  # as the person wrote it; '': no name
    # HMAC of the token that was sent, with the cookie's value as its key
    token_mac: Mapped[str] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Double)
    seen_at: Mapped[float] = mapped_column(Double)  # last use, to within minutes
