"""The table of kept counts of alerts (db/alert_counts.py); triggers of the database write it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Double, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from easyai.db.models_base import Base


class AlertCount(Base):
    """Alerts of a block of ids, by detection count: of a task type, and of all task types.

    The bounds hold the ids and times of all alerts that were ever counted here. They may be wider
    than those of the present alerts.
    """

    __tablename__ = "alert_counts"

    of_all: Mapped[int] = mapped_column(Integer, primary_key=True)  # 1: of all task types
    task_type: Mapped[str] = mapped_column(Text, primary_key=True)  # '': of all task types
    block: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # id >> 13
    detection_count: Mapped[int] = mapped_column(Integer, primary_key=True)  # 64: 64 or more
    # On PostgreSQL the process of the server that counted, until upkeep merges it into part 0
    part: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    alerts: Mapped[int] = mapped_column(BigInteger)  # below 0 in the part of a deletion
    first_id: Mapped[int] = mapped_column(BigInteger)
    last_id: Mapped[int] = mapped_column(BigInteger)
    first_at: Mapped[float] = mapped_column(Double)
    last_at: Mapped[float] = mapped_column(Double)

    __table_args__ = ({"sqlite_with_rowid": False},)
