"""The tables of totals: numbers that only grow, even when old rows of the history are deleted."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Table, Text
from sqlalchemy.orm import Mapped, mapped_column

from easyai.db.models_base import Base
from easyai.domain.outcome_totals import BOUNDS_SEC


class FrameTotal(Base):
    """Frames of a task type by outcome and reason, since the table was created."""

    __tablename__ = "frame_totals"

    task_type: Mapped[str] = mapped_column(Text, primary_key=True)
    outcome: Mapped[str] = mapped_column(Text, primary_key=True)
    reason: Mapped[str] = mapped_column(Text, primary_key=True)  # a code; '': only the outcome
    frames: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[float] = mapped_column(Double)


class DurationTotal(Base):
    """Durations of frames of a type at an endpoint: a histogram, with a column for each bucket."""

    __table__ = Table(
        "duration_totals",
        Base.metadata,
        Column("kind", Text, primary_key=True),  # inference, frame_latency
        Column("task_type", Text, primary_key=True),
        Column("endpoint", Text, primary_key=True),  # its label in metrics, or 'other'
        # Not cumulative; the last bucket counts durations above the highest bound.
        *(
            Column(f"bucket_{number}", BigInteger, nullable=False)
            for number in range(len(BOUNDS_SEC) + 1)
        ),
        Column("sum_sec", Double, nullable=False),
        Column("updated_at", Double, nullable=False),
    )
