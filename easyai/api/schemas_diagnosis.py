"""The shape of a diagnosis, as the API's documents show it; its keys stay as they are.

Times are Unix seconds.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class RemedyBody(BaseModel):
    """What to do."""

    text: str
    command: str | None = Field(description="Works when copied into a shell")


class CauseBody(BaseModel):
    """Why frames are not inferred, or will not be for long."""

    code: str = Field(description="services_died, heartbeats_not_arriving, inference_hangs, …")
    stops_inference: bool = Field(description="Of some task type or of all; else it threatens")
    text: str
    evidence: list[str]
    remedies: list[RemedyBody]


class TaskTypeBody(BaseModel):
    """The frames of one task type."""

    task_type: str
    pending: int
    parked: int = Field(description="They wait since the type had no live service")
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
    last_heartbeat: float | None
    last_evidence: float | None
    last_success_at: float | None
    last_failure_at: float | None
    last_failure_reason: str | None
    breaker: str
    in_flight: int
    probe: str | None = Field(description="'': it answered now, else why not; null: not asked")


class TimelineEntry(BaseModel):
    """Something that changed, for one subject or for many at about the same time."""

    at: float
    until: float
    kind: str
    count: int
    subjects: list[str]
    text: str


class AlarmBody(BaseModel):
    """A system alarm."""

    kind: str
    subject: str
    cause: str
    text: str
    began_at: float = Field(description="When the trouble began")
    raised_at: float = Field(description="When people were told first")
    over_at: float | None = Field(description="When the trouble ended; null while it rings")
    lasted_sec: float = Field(description="The trouble, so far while it rings")


class CheckBody(BaseModel):
    """A named check; `reason` is empty when all is well."""

    name: str
    ok: bool
    reason: str
    elapsed_ms: float


class DatabaseBody(BaseModel):
    """Which library stores the ledger."""

    name: Literal["SQLite", "PostgreSQL"]
    version: str | None = Field(description="null: the server's")
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
    since: float | None = Field(description="When inference stood still; null while it goes on")
    lasted_sec: float | None
    last_success_at: float | None
    conclusion: str | None = Field(description="The code of the most likely cause")
    causes: list[CauseBody] = Field(description="Most likely first")
    task_types: list[TaskTypeBody]
    services: list[DiagnosedService]
    timeline: list[TimelineEntry] = Field(description="Around the stop, and the newest")
    recovered: list[AlarmBody] = Field(description="Alarms of the last day that are over")
    ringing: list[AlarmBody]
    checks: list[CheckBody]
    store_ignores: list[str] = Field(
        description="Conditions on requests that the object store was seen not to keep to"
    )
    version: str = Field(description="Of easyai")
    database: DatabaseBody
