"""The table of registrations that wait for an operator's approval."""

from __future__ import annotations

from sqlalchemy import Double, Text
from sqlalchemy.orm import Mapped, mapped_column

from easyai.db.models_base import Base


class RegistrationRequest(Base):
    """A service that wants to register while `registration` is `approve`; it gets no frames."""

    __tablename__ = "registration_requests"

    service_id: Mapped[str] = mapped_column(Text, primary_key=True)
    endpoint: Mapped[str] = mapped_column(Text, primary_key=True)
    registration: Mapped[str] = mapped_column(Text)  # JSON, checked
    registered_from: Mapped[str] = mapped_column(Text)  # an IP address
    asked_at: Mapped[float] = mapped_column(Double)
    last_heartbeat: Mapped[float] = mapped_column(Double)
