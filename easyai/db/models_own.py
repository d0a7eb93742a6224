"""The tables of easyai itself: processes, periodic tasks, events, alarms, the installation.

Also the tables of pictures and alerts whose deletion is not finished.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Double, Index, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from easyai.db.models_base import Base, BigId


class ProcessLease(Base):
    """Which process runs a periodic task now: the beat, a scan, a sweep."""

    __tablename__ = "process_leases"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    holder: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[float] = mapped_column(Double)
    done_at: Mapped[float] = mapped_column(Double, server_default="0")  # last successful run


class Process(Base):
    """A process of ours, and when it last showed that it works."""

    __tablename__ = "processes"

    name: Mapped[str] = mapped_column(Text, primary_key=True)  # kind@host:pid
    kind: Mapped[str] = mapped_column(Text)  # worker, beat, api, watchdog
    host: Mapped[str] = mapped_column(Text)
    pid: Mapped[int] = mapped_column(Integer)
    started_at: Mapped[float] = mapped_column(Double)
    beat_at: Mapped[float] = mapped_column(Double)
    # What the process reports of itself, so that other processes recognise it (process identity).
    start_ticks: Mapped[int | None] = mapped_column(BigInteger)  # /proc/PID/stat, since boot
    clock_offset_sec: Mapped[float] = mapped_column(
        Double, server_default="0"
    )  # minus the database's


class Event(Base):
    """A change and its time: the timeline of a diagnosis."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[float] = mapped_column(Double, index=True)
    kind: Mapped[str] = mapped_column(Text)  # service_offline, breaker_open, process_started, …
    subject: Mapped[str] = mapped_column(Text)  # an endpoint, a process, a check, a task type
    text: Mapped[str] = mapped_column(Text)  # English, for processes of the previous release
    reason_code: Mapped[str | None] = mapped_column(Text)  # the event and its cause
    reason_args: Mapped[str | None] = mapped_column(Text)  # JSON


class Alarm(Base):
    """A system alarm from raised to over; it rings until it is over, once per kind and subject."""

    __tablename__ = "alarms"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)  # '' where the kind is enough
    cause: Mapped[str] = mapped_column(Text)  # for processes of the previous release
    cause_code: Mapped[str | None] = mapped_column(Text)
    cause_args: Mapped[str | None] = mapped_column(Text)  # JSON
    raised_at: Mapped[float] = mapped_column(Double)  # when people were first notified
    told_at: Mapped[float] = mapped_column(Double)  # when people were last notified; 0: never
    over_at: Mapped[float | None] = mapped_column(Double)  # when the trouble ended
    began_at: Mapped[float | None] = mapped_column(Double)  # when it began; NULL: at raised_at
    reason_code: Mapped[str | None] = mapped_column(Text)  # what people read last
    reason_args: Mapped[str | None] = mapped_column(Text)  # JSON
    acknowledged_by: Mapped[str | None] = mapped_column(Text)
    acknowledged_at: Mapped[float | None] = mapped_column(Double)

    __table_args__ = (
        Index(
            "uq_alarms_ringing",
            "kind",
            "subject",
            unique=True,
            sqlite_where=text("over_at IS NULL"),
            postgresql_where=text("over_at IS NULL"),
        ),
    )


class Installation(Base):
    """The identity of this installation: a single row, made by the migration, kept for ever."""

    __tablename__ = "installation"

    pk: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)  # 1
    installation_id: Mapped[str] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Double)


class Deletion(Base):
    """A picture of ours that is to be deleted and that no other row names."""

    __tablename__ = "deletions"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(Text)  # '': not known, the store's marks decide
    asked_at: Mapped[float] = mapped_column(Double)


class SentPicture(Base):
    """A picture that was sent over REST: sent again, it is no second frame."""

    __tablename__ = "sent_pictures"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(Text, unique=True)
    digest: Mapped[str] = mapped_column(Text)  # BLAKE2b of the content
    after_frame: Mapped[int] = mapped_column(BigInteger)  # the newest frame before it was written


class DeletedAlert(Base):
    """An alert that was deleted before the bus had it; it waits here until it is published."""

    __tablename__ = "deleted_alerts"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)  # the alert's
    task_id: Mapped[str] = mapped_column(Text)
    task_type: Mapped[str] = mapped_column(Text)
    image_path: Mapped[str] = mapped_column(Text)
    algorithm_id: Mapped[str] = mapped_column(Text)
    algorithm_name: Mapped[str] = mapped_column(Text)
    result: Mapped[str] = mapped_column(Text)
    confidence: Mapped[float] = mapped_column(Double)
    detection_count: Mapped[int] = mapped_column(Integer)
    inference_time_ms: Mapped[float] = mapped_column(Double)
    created_at: Mapped[float] = mapped_column(Double)
    updated_at: Mapped[float] = mapped_column(Double)


class Generation(Base):
    """A number that grows with every change of data that processes cache."""

    __tablename__ = "generations"

    name: Mapped[str] = mapped_column(Text, primary_key=True)  # registry
    number: Mapped[int] = mapped_column(BigInteger)
