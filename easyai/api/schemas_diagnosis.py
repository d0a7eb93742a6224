"""The shape of a diagnosis, as the API's documents show it; its keys stay as they are.

Times are Unix seconds.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class ReasonBody(BaseModel):
    """A text as data: its code and its arguments.

    The code `quoted`: a text of another program, in the argument `text`; '': there is no text.
    """

    code: str
    args: dict[str, Any] = Field(
        description="By name; times are Unix seconds, reasons among them have this same shape"
    )


class RemedyBody(ReasonBody):
    """What to do."""

    text: str
    command: str | None = Field(description="Works when copied into a shell")


class CauseBody(BaseModel):
    """Why frames are not inferred, or will not be for long."""

    code: str = Field(description="services_died, heartbeats_not_arriving, inference_hangs, …")
    stops_inference: bool = Field(description="true: of some or all task types; false: it soon may")
    text: str
    text_code: str
    text_args: dict[str, Any]
    evidence: list[str]
    evidence_reasons: list[ReasonBody] = Field(
        description="The reasons of `evidence`, in its order"
    )
    remedies: list[RemedyBody]


class TaskTypeBody(BaseModel):
    """The frames of one task type."""

    task_type: str
    pending: int
    parked: int = Field(description="Frames that wait because the type had no live service")
    in_flight: int
    failed: int
    oldest_wait_at: float | None
    last_success_at: float | None


class DiagnosedService(BaseModel):
    """One endpoint."""

    service_id: str
    endpoint: str
    task_types: list[str]
    state: str
    state_reason: str
    state_reason_code: str
    state_reason_args: dict[str, Any]
    last_heartbeat: float | None
    last_evidence: float | None
    last_success_at: float | None
    last_failure_at: float | None
    last_failure_reason: str | None
    last_failure_reason_code: str | None
    last_failure_reason_args: dict[str, Any] | None
    breaker: str
    in_flight: int
    probe: str | None = Field(
        description="'': it answered; a text: why it did not; null: not probed"
    )
    probe_code: str | None
    probe_args: dict[str, Any] | None


class TimelineEntry(ReasonBody):
    """Something that changed, for one subject or for many at about the same time."""

    at: float
    until: float
    kind: str
    count: int
    subjects: list[str]
    text: str


class AlarmBody(ReasonBody):
    """A system alarm."""

    kind: str
    subject: str
    cause: str
    text: str
    began_at: float = Field(description="When the trouble began")
    raised_at: float = Field(description="When people were first notified")
    over_at: float | None = Field(description="When the trouble ended; null while it rings")
    lasted_sec: float = Field(description="Length of the trouble until its end, or until now")


class CheckBody(BaseModel):
    """A named check; `reason` is empty when all is well."""

    name: str
    ok: bool
    reason: str
    reason_code: str
    reason_args: dict[str, Any]
    elapsed_ms: float


class DatabaseBody(BaseModel):
    """Which library stores the ledger."""

    name: Literal["SQLite", "PostgreSQL"]
    version: str | None = Field(description="Of SQLite; null for PostgreSQL")
    wal_reset_race: bool = Field(
        description="This release of SQLite can lose commits where nothing guards it"
    )
    guard: str | None = Field(description="The file that writers and checkpoints lock in turn")


class DiagnosisBody(BaseModel):
    """The incident report."""

    at: float
    status: Literal["well", "degraded", "stalled", "unknown"] = Field(
        description="stalled: frames of some type wait and none succeeds; degraded: something does "
        "not work; unknown: the database does not answer"
    )
    symptom: list[str]
    symptom_reasons: list[ReasonBody] = Field(description="The reasons of `symptom`, in its order")
    since: float | None = Field(description="When inference stopped; null while it goes on")
    lasted_sec: float | None
    last_success_at: float | None
    conclusion: str | None = Field(description="The code of the most likely cause")
    causes: list[CauseBody] = Field(description="Most likely first")
    task_types: list[TaskTypeBody]
    services: list[DiagnosedService]
    timeline: list[TimelineEntry] = Field(
        description="Events around the stop, and the newest events"
    )
    recovered: list[AlarmBody] = Field(description="Alarms of the last day that are over")
    ringing: list[AlarmBody]
    checks: list[CheckBody]
    store_ignores: list[str] = Field(
        description="Conditions of requests that the object store ignores"
    )
    version: str = Field(description="The version of easyai")
    database: DatabaseBody
