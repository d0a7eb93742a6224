"""The tables of the dashboard: curves, fates by camera, reviewed marks, incidents and mutes."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, Table, Text
from sqlalchemy.orm import Mapped, mapped_column

from easyai.db.models_base import Base, BigId


class Flow(Base):
    """Frames of a task type in a step of time (db/flow_history.py).

    The row of the type '' of a step marks that the step was measured: a type without a row had
    neither frames nor a backlog. The rows of step 0 hold the last reading of the durations.
    """

    __table__ = Table(
        "flow",
        Base.metadata,
        Column("step_sec", Integer, primary_key=True, autoincrement=False),
        Column("at", BigInteger, primary_key=True, autoincrement=False),  # its begin
        Column("task_type", Text, primary_key=True),
        Column("arrived", BigInteger, nullable=False),
        Column("inferred", BigInteger, nullable=False),
        Column("dropped", BigInteger, nullable=False),
        Column("waiting", BigInteger),  # the most frames that waited; NULL: not measured
        # Durations of inferences: the buckets of duration_totals with spaces between them; '': none
        Column("durations", Text, nullable=False),
        sqlite_with_rowid=False,
    )


class CameraHour(Base):
    """Settled frames of a camera in an hour, by outcome."""

    __tablename__ = "camera_hours"

    hour: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # Unix seconds / 3600
    task_id: Mapped[str] = mapped_column(Text, primary_key=True)
    task_type: Mapped[str] = mapped_column(Text, primary_key=True)
    outcome: Mapped[str] = mapped_column(Text, primary_key=True)
    frames: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = ({"sqlite_with_rowid": False},)


class CameraType(Base):
    """A task type of a camera: when its frames were last settled (db/camera_hours.py)."""

    __tablename__ = "camera_types"

    task_id: Mapped[str] = mapped_column(Text, primary_key=True)
    task_type: Mapped[str] = mapped_column(Text, primary_key=True)
    last_hour: Mapped[int] = mapped_column(BigInteger)  # Unix seconds / 3600

    # Frames with invented names of cameras leave rows for a week, which lists of a day skip.
    __table_args__ = (
        Index("ix_camera_types_last_hour", "last_hour"),
        {"sqlite_with_rowid": False},
    )


class AlertReview(Base):
    """The mark of a person that an alert was reviewed."""

    __tablename__ = "alert_reviews"

    alert_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    reviewed_by: Mapped[str] = mapped_column(Text)
    reviewed_at: Mapped[float] = mapped_column(Double)

    __table_args__ = ({"sqlite_with_rowid": False},)


class AlarmReport(Base):
    """The incident report as it was when an alarm began, in a language."""

    __tablename__ = "alarm_reports"

    alarm_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    language: Mapped[str] = mapped_column(Text, primary_key=True)
    markdown: Mapped[str] = mapped_column(Text)


class AlarmNote(Base):
    """A note of a person about an alarm."""

    __tablename__ = "alarm_notes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    alarm_id: Mapped[int] = mapped_column(BigInteger, index=True)
    noted_by: Mapped[str] = mapped_column(Text)
    noted_at: Mapped[float] = mapped_column(Double)
    text: Mapped[str] = mapped_column(Text)


class Mute(Base):
    """Alarms of which people are not notified until a moment."""

    __tablename__ = "mutes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    scope: Mapped[str] = mapped_column(Text)  # incident, task_type, camera, kind
    value: Mapped[str] = mapped_column(Text)  # the alarm's id, or a name
    until_at: Mapped[float] = mapped_column(Double)
    muted_by: Mapped[str] = mapped_column(Text)
    muted_at: Mapped[float] = mapped_column(Double)
