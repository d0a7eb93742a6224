"""The tables of the registry: endpoints, and which task types each endpoint serves."""

from __future__ import annotations

from sqlalchemy import BigInteger, Double, ForeignKey, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from easyai.db.models_base import Base, BigId


class Service(Base):
    """A registered endpoint; the row stays when the service goes offline or is unregistered."""

    __tablename__ = "services"

    pk: Mapped[int] = mapped_column(BigId, primary_key=True)
    service_id: Mapped[str] = mapped_column(Text, index=True)
    name: Mapped[str] = mapped_column(Text)
    endpoint: Mapped[str] = mapped_column(Text, unique=True)
    version: Mapped[str] = mapped_column(Text)
    max_concurrency: Mapped[int | None] = mapped_column(Integer)
    health_url: Mapped[str | None] = mapped_column(Text)
    heartbeat_timeout_sec: Mapped[float | None] = mapped_column(Double)

    state: Mapped[str] = mapped_column(Text)
    # `*_reason`: English, for processes of the previous release; a NULL `*_code`: such a process
    # wrote the row
    state_reason: Mapped[str] = mapped_column(Text)
    state_reason_code: Mapped[str | None] = mapped_column(Text)
    state_reason_args: Mapped[str | None] = mapped_column(Text)  # JSON, like every `*_args`
    state_since: Mapped[float] = mapped_column(Double)
    register_at: Mapped[float] = mapped_column(Double)
    registered_from: Mapped[str] = mapped_column(Text, server_default="")  # an IP address
    last_heartbeat: Mapped[float] = mapped_column(Double)
    last_evidence: Mapped[float] = mapped_column(Double)  # heartbeat, inference or probe
    probe_failures: Mapped[int] = mapped_column(Integer, server_default="0")  # in a row
    next_probe_at: Mapped[float] = mapped_column(Double, server_default="0")

    call_count: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # Part of `call_count`, by kind of the verdict
    refused_count: Mapped[int] = mapped_column(BigInteger, server_default="0")
    timeout_count: Mapped[int] = mapped_column(BigInteger, server_default="0")
    broken_count: Mapped[int] = mapped_column(BigInteger, server_default="0")
    unreachable_count: Mapped[int] = mapped_column(BigInteger, server_default="0")
    ewma_ms: Mapped[float | None] = mapped_column(Double)  # of answered calls, measured by us
    last_success_at: Mapped[float] = mapped_column(Double, server_default="0")
    breaker_failures: Mapped[int] = mapped_column(Integer, server_default="0")
    breaker_open_until: Mapped[float] = mapped_column(Double, server_default="0")
    breaker_pause_sec: Mapped[float] = mapped_column(Double, server_default="0")

    concurrency_cap: Mapped[int | None] = mapped_column(Integer)  # learned from time-outs
    cap_changed_at: Mapped[float] = mapped_column(Double, server_default="0")
    cap_halved_at: Mapped[float] = mapped_column(Double, server_default="0")
    last_failure_reason: Mapped[str | None] = mapped_column(Text)  # of the last call that failed
    last_failure_reason_code: Mapped[str | None] = mapped_column(Text)
    last_failure_reason_args: Mapped[str | None] = mapped_column(Text)
    last_failure_at: Mapped[float] = mapped_column(Double, server_default="0")

    # What the service reports in its heartbeats: for people only, no decision depends on it.
    said_total_requests: Mapped[int | None] = mapped_column(BigInteger)
    said_avg_inference_ms: Mapped[float | None] = mapped_column(Double)
    said_last_inference_ms: Mapped[float | None] = mapped_column(Double)
    said_last_total_ms: Mapped[float | None] = mapped_column(Double)


class ServiceTaskType(Base):
    """Which task types an endpoint serves."""

    __tablename__ = "service_task_types"

    service_pk: Mapped[int] = mapped_column(
        BigId, ForeignKey("services.pk", ondelete="CASCADE"), primary_key=True
    )
    task_type: Mapped[str] = mapped_column(Text, primary_key=True, index=True)
