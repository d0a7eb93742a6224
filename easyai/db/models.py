"""The tables. Times are Unix seconds in double precision, durations carry their unit in the name.

`frames` is the ledger: a row for each picture ever found. The partial indexes keep the working set
apart from history, so the cost of finding and leasing does not grow with the settled frames.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Double, Index, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from easyai.db.models_base import Base, BigId
from easyai.db.models_counts import AlertCount
from easyai.db.models_dashboard import (
    AlarmNote,
    AlarmReport,
    AlertReview,
    CameraHour,
    Flow,
    Mute,
)
from easyai.db.models_own import (
    Alarm,
    DeletedAlert,
    Deletion,
    Event,
    Generation,
    Installation,
    Process,
    ProcessLease,
    SentPicture,
)
from easyai.db.models_requests import RegistrationRequest
from easyai.db.models_services import Service, ServiceTaskType
from easyai.db.models_sessions import LoginSession
from easyai.db.models_totals import DurationTotal, FrameTotal

__all__ = [
    "Alarm",
    "AlarmNote",
    "AlarmReport",
    "Alert",
    "AlertCount",
    "AlertReview",
    "Base",
    "CameraHour",
    "DeletedAlert",
    "Deletion",
    "DurationTotal",
    "Event",
    "Flow",
    "Frame",
    "FrameTotal",
    "Generation",
    "Installation",
    "LoginSession",
    "Mute",
    "Process",
    "ProcessLease",
    "RegistrationRequest",
    "SentPicture",
    "Service",
    "ServiceTaskType",
    "Statistic",
    "TaskType",
]


class TaskType(Base):
    """A task type seen in a frame or a registration; every task type has a queue."""

    __tablename__ = "task_types"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    first_seen: Mapped[float] = mapped_column(Double)
    rung_at: Mapped[float] = mapped_column(Double, server_default="0")  # unanswered wake; 0: none
    # sampling = "auto": every n-th frame of each camera is inferred
    sampling_n: Mapped[int] = mapped_column(Integer, server_default="1")
    sampling_changed_at: Mapped[float] = mapped_column(Double, server_default="0")
    capacity_per_sec: Mapped[float | None] = mapped_column(Double)  # a bound (domain/sampling.py)
    seen_at: Mapped[float] = mapped_column(Double, server_default="0")  # last use of the name
    framed_at: Mapped[float] = mapped_column(Double, server_default="0")  # last frame; 0: never
    # rate_limit, a token bucket: frames that may be leased at once at the time `rate_at`
    rate_tokens: Mapped[float | None] = mapped_column(Double)
    rate_at: Mapped[float] = mapped_column(Double, server_default="0")


class Frame(Base):
    """The ledger: a picture from found to settled."""

    __tablename__ = "frames"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(Text)
    task_type: Mapped[str] = mapped_column(Text)
    task_id: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(Text)  # of the picture, as its store reports it
    captured_at: Mapped[float] = mapped_column(Double)
    found_at: Mapped[float] = mapped_column(Double)
    due_at: Mapped[float] = mapped_column(Double)  # not before; also the order of pending frames
    stream: Mapped[str | None] = mapped_column(Text)  # camera, where its frames go in order

    attempts: Mapped[int] = mapped_column(Integer, server_default="0")  # failures of the frame
    tries: Mapped[int] = mapped_column(Integer, server_default="0")  # calls without a result
    last_failure_at: Mapped[float] = mapped_column(Double, server_default="0")
    avoid_service: Mapped[int | None] = mapped_column(BigInteger)  # where this frame failed last
    reason: Mapped[str | None] = mapped_column(Text)
    reason_code: Mapped[str | None] = mapped_column(Text)
    reason_args: Mapped[str | None] = mapped_column(Text)
    requeued_at: Mapped[float | None] = mapped_column(Double)  # by an operator; NULL: never

    service_pk: Mapped[int | None] = mapped_column(BigInteger)
    lease_token: Mapped[str | None] = mapped_column(Text)
    lease_expires_at: Mapped[float | None] = mapped_column(Double)
    leased_at: Mapped[float | None] = mapped_column(Double)

    settled_at: Mapped[float | None] = mapped_column(Double)
    outcome: Mapped[str | None] = mapped_column(Text)
    detection_count: Mapped[int | None] = mapped_column(Integer)
    inference_ms: Mapped[float | None] = mapped_column(Double)
    image_path: Mapped[str | None] = mapped_column(Text)  # NULL: at its key, '': deleted
    image_target: Mapped[str | None] = mapped_column(Text)  # where to move it, '': to be deleted

    __table_args__ = (
        # A key names a single picture at a time. When that picture is gone, a camera may reuse the
        # key.
        Index(
            "uq_frames_key_in_place",
            "key",
            unique=True,
            sqlite_where=text("image_path IS NULL"),
            postgresql_where=text("image_path IS NULL"),
        ),
        Index(
            "ix_frames_pending",
            "task_type",
            "due_at",
            "id",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index(
            "ix_frames_pending_stream",
            "task_type",
            "stream",
            "captured_at",
            "id",
            sqlite_where=text("state = 'pending' AND stream IS NOT NULL"),
            postgresql_where=text("state = 'pending' AND stream IS NOT NULL"),
        ),
        Index(
            "ix_frames_parked",
            "task_type",
            "due_at",
            "id",
            sqlite_where=text("state = 'parked'"),
            postgresql_where=text("state = 'parked'"),
        ),
        # By found_at: due_at of a retried frame is its next attempt, not the start of its wait.
        Index(
            "ix_frames_retried",
            "found_at",
            sqlite_where=text("settled_at IS NULL AND tries > 0"),
            postgresql_where=text("settled_at IS NULL AND tries > 0"),
        ),
        Index(
            "ix_frames_requeued",
            "task_type",
            "id",
            sqlite_where=text("state = 'pending' AND requeued_at IS NOT NULL"),
            postgresql_where=text("state = 'pending' AND requeued_at IS NOT NULL"),
        ),
        Index(
            "ix_frames_leased",
            "service_pk",
            "task_type",
            sqlite_where=text("state = 'leased'"),
            postgresql_where=text("state = 'leased'"),
        ),
        Index(
            "ix_frames_image_target",
            "id",
            sqlite_where=text("image_target IS NOT NULL"),
            postgresql_where=text("image_target IS NOT NULL"),
        ),
        Index(
            "ix_frames_failed",
            "task_type",
            "settled_at",
            sqlite_where=text("state = 'failed'"),
            postgresql_where=text("state = 'failed'"),
        ),
    )


class Alert(Base):
    """The detections in a picture (contract, section 5)."""

    __tablename__ = "alerts"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    frame_id: Mapped[int | None] = mapped_column(BigInteger, unique=True)  # an alert for each frame
    task_id: Mapped[str] = mapped_column(Text)
    task_type: Mapped[str] = mapped_column(Text)
    image_path: Mapped[str] = mapped_column(Text)
    # The version of the picture, where a move keeps it (a local folder); NULL: not known
    image_version: Mapped[str | None] = mapped_column(Text)
    algorithm_id: Mapped[str] = mapped_column(Text)
    algorithm_name: Mapped[str] = mapped_column(Text)
    result: Mapped[str] = mapped_column(Text)  # JSON
    confidence: Mapped[float] = mapped_column(Double)
    detection_count: Mapped[int] = mapped_column(Integer)
    inference_time_ms: Mapped[float] = mapped_column(Double)
    created_at: Mapped[float] = mapped_column(Double)
    updated_at: Mapped[float] = mapped_column(Double)
    # NULL: the bus has not acknowledged the alert yet; 0: the alert is not for the bus; below 0:
    # the bus refused the alert for ever at that time
    published_at: Mapped[float | None] = mapped_column(Double, server_default="0")

    __table_args__ = (
        # The rows are large: lists find their alerts in these indexes alone (db/alert_lists.py).
        Index("ix_alerts_listed", "id", "task_type", "detection_count", "created_at"),
        Index("ix_alerts_camera", "task_id", "id", "task_type", "detection_count", "created_at"),
        Index(
            "ix_alerts_many",
            "id",
            "task_type",
            "detection_count",
            "created_at",
            sqlite_where=text("detection_count >= 64"),
            postgresql_where=text("detection_count >= 64"),
        ),
        Index(
            "ix_alerts_unpublished",
            "id",
            sqlite_where=text("published_at IS NULL"),
            postgresql_where=text("published_at IS NULL"),
        ),
        # Two alerts never share a picture; a system alert has no picture.
        Index(
            "uq_alerts_image_path",
            "image_path",
            unique=True,
            sqlite_where=text("image_path <> ''"),
            postgresql_where=text("image_path <> ''"),
        ),
        # Without it SQLite reuses the id of a deleted alert, and a consumer of the bus would
        # discard the new alert as a duplicate.
        {"sqlite_autoincrement": True},
    )


class Statistic(Base):
    """Sums: `bucket` 0 for all types since the last reset, others for a type and ten seconds."""

    __tablename__ = "statistics"

    bucket: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    task_type: Mapped[str] = mapped_column(Text, primary_key=True)  # '': of no type
    found: Mapped[int] = mapped_column(BigInteger, server_default="0")
    requests: Mapped[int] = mapped_column(BigInteger, server_default="0")
    responses: Mapped[int] = mapped_column(BigInteger, server_default="0")
    successes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    failures: Mapped[int] = mapped_column(BigInteger, server_default="0")
    processed: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # Frames given up, by outcome.
    queue_full: Mapped[int] = mapped_column(BigInteger, server_default="0")
    too_old: Mapped[int] = mapped_column(BigInteger, server_default="0")
    disk_low: Mapped[int] = mapped_column(BigInteger, server_default="0")
    sampled: Mapped[int] = mapped_column(BigInteger, server_default="0")
    superseded: Mapped[int] = mapped_column(BigInteger, server_default="0")
    discarded: Mapped[int] = mapped_column(BigInteger, server_default="0")
    infer_ms_sum: Mapped[float] = mapped_column(Double, server_default="0")
    infer_ms_max: Mapped[float] = mapped_column(Double, server_default="0")
    moves: Mapped[int] = mapped_column(BigInteger, server_default="0")
    moves_failed: Mapped[int] = mapped_column(BigInteger, server_default="0")
    move_ms_sum: Mapped[float] = mapped_column(Double, server_default="0")
    move_ms_max: Mapped[float] = mapped_column(Double, server_default="0")
    updated_at: Mapped[float] = mapped_column(Double, server_default="0")
