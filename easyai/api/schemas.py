"""The shapes of answers and of operators' bodies (contract, sections 2, 3 and 5) in /docs.

The bodies that services send are in registry/bodies.py.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

_RFC_3339: dict[str, Any] = {"format": "date-time"}


class ErrorBody(BaseModel):
    """Every answer with a status of 400 and above."""

    error: str = Field(description="What is wrong, and what to do")


class Done(BaseModel):
    """It is done."""

    ok: Literal[True]


class DoneMessage(Done):
    """It is done, in words."""

    message: str


class Registered(Done):
    """The endpoint takes frames from now on."""

    service_id: str
    heartbeat_interval_sec: float = Field(
        description="ext: seconds between two heartbeats; half of heartbeat_timeout_sec, 30 at most"
    )


class Cleared(DoneMessage):
    """All services are unregistered."""

    cleared_count: int = Field(ge=0)


class FailedCalls(BaseModel):
    """Failed calls by kind."""

    refused: int = Field(default=0, description="The service refused the picture: success:false")
    timeout: int = Field(default=0, description="No answer in time")
    broken: int = Field(
        default=0, description="An HTTP error, a cut answer, or not the contract's JSON"
    )
    unreachable: int = Field(default=0, description="No connection")


class ServiceEntry(BaseModel):
    """One endpoint; times in Unix seconds. Fields from `state` on: only with `?state=all`."""

    service_id: str
    name: str
    endpoint: str
    version: str
    task_types: list[str]
    call_count: int
    last_heartbeat: int
    register_at: int
    state: Literal["online", "suspect", "offline", "unregistered", "waiting"] = "online"
    state_reason: str = ""
    state_reason_code: str = Field(
        "", description="The code of `state_reason`, such as service.heartbeat"
    )
    state_reason_args: dict[str, Any] = Field(
        {}, description="The arguments of `state_reason`, by name"
    )
    state_since: int = 0
    breaker: Literal["closed", "open", "half-open"] = "closed"
    breaker_trial_in_sec: float = 0.0  # until an open breaker lets a single request through
    heartbeat_age_sec: float = 0.0
    last_evidence: int = 0  # heartbeat, inference or probe
    last_failure: str | None = None  # of the last call that failed
    last_failure_code: str | None = None
    last_failure_args: dict[str, Any] | None = None
    last_failure_at: int | None = None
    failed_calls: FailedCalls = Field(FailedCalls(), description="ext: part of `call_count`")


class ServiceList(BaseModel):
    """Services, one entry for each endpoint."""

    services: list[ServiceEntry]
    total: int


class TaskTypeServices(ServiceList):
    """The services of one task type."""

    task_type: str


class BalanceEntry(BaseModel):
    """One endpoint's speed and share; milliseconds."""

    endpoint: str
    service_id: str
    name: str
    avg_response_ms: int
    weight: int = Field(ge=1, le=100, description="1000 / avg_response_ms; 10 without data")
    call_count: int
    allocation_ratio: float = Field(ge=0, le=100, description="Share of total_weight in percent")
    has_data: bool


class TypeBalance(BaseModel):
    """The shares of one task type's services."""

    task_type: str
    total_services: int
    services: list[BalanceEntry]
    total_weight: int
    updated_at: str = Field(json_schema_extra=_RFC_3339)
    rate_limit: str = Field(
        "", description='The limit in the settings, such as "30/s"; "": no limit'
    )


class LoadBalance(BaseModel):
    """Shares by task type."""

    load_balance: dict[str, TypeBalance]
    total_task_types: int


class CallEntry(BaseModel):
    """One endpoint's calls."""

    service_id: str
    endpoint: str
    call_count: int


class TypeAnalysis(BaseModel):
    """How evenly calls were spread over one task type's services."""

    service_count: int
    total_calls: int
    avg_calls: float
    min_calls: int
    max_calls: int
    variance: float
    balance_quality: Literal["excellent", "good", "fair", "poor", "no_data"]
    services: list[CallEntry]


class LoadAnalysis(BaseModel):
    """Analyses by task type."""

    analysis: dict[str, TypeAnalysis]


class DroppedByReason(BaseModel):
    """Frames given up since the last reset, by rule."""

    queue_full: int
    too_old: int
    disk_low: int


class InferenceStats(BaseModel):
    """Backlog and sums since the last reset; milliseconds, rates a second, ratios from 0 to 1."""

    queue_size: int
    queue_max_size: int
    queue_utilization: float
    active_inferences: int
    max_concurrent_infer: int
    dropped_total: int
    processed_total: int
    drop_rate: float
    strategy: str = Field(description="queue_full_strategy: which frames a full queue drops")
    parked: int = Field(description="Frames that wait for a service of their type")
    dropped_by_reason: DroppedByReason
    sampled_total: int = Field(description="Frames that sampling skipped; not in dropped_total")
    superseded_total: int = Field(
        description="Frames whose camera wrote a newer picture under the same name before their end"
    )
    discarded_total: int = Field(
        description="Frames given up by hand (POST /ai_analysis/frames/discard); "
        "not in dropped_total"
    )
    avg_inference_ms: float
    max_inference_ms: int
    total_inferences: int
    success_inferences: int
    failed_inferences: int
    success_rate_per_sec: float
    request_rate_per_sec: float
    response_rate_per_sec: float
    minio_move_total: int
    minio_move_success: int
    minio_move_failed: int
    minio_move_avg_time_ms: float
    minio_move_max_time_ms: int
    minio_move_success_rate: float
    updated_at: str = Field(
        description="When the sums last changed; the present time while nothing is counted",
        json_schema_extra=_RFC_3339,
    )


class DiscardBody(BaseModel):
    """Which frames to give up."""

    task_type: str = Field(description="The task type: the name of its folder")
    task_id: str = Field("", description="Only this camera; empty: all cameras of the type")
    dry_run: bool = Field(False, description="Count and change nothing")


class Discarded(BaseModel):
    """The frames given up, and the frames that stay."""

    ok: Literal[True]
    dry_run: bool
    discarded: int
    by_camera: dict[str, int] = Field(description="Frames that waited when the call began")
    in_flight: int = Field(description="Frames left alone because a service works on them")
    waiting: int = Field(description="Frames that still wait: call again to give them up")


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"]


class Ready(BaseModel):
    """Everything needed works."""

    status: Literal["ready"]
    checks: dict[str, Literal["ok"]]


class Reason(BaseModel):
    """Why something is as it is: a code and its arguments."""

    code: str
    args: dict[str, Any]


class NotReady(ErrorBody):
    """Something needed does not work; `checks` holds the reasons as texts, `reasons` as codes."""

    status: Literal["not ready"]
    checks: dict[str, str]
    reasons: dict[str, Reason]


_MEANINGS = {
    400: "A field or parameter is wrong: the error names it",
    403: "Not allowed: a token is missing, or the link is not valid or has expired",
    404: "Not found: there is no such alert, picture or path",
    409: "Another picture has this name",
    413: "The body is too large",
    416: "The picture has no bytes of the range",
    429: "Too many at once: the error says which limit it is",
    503: "Database or store does not answer: try again",
    507: "The disk with the frames is full",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of a route's errors."""
    listed: dict[int | str, dict[str, Any]] = {
        status: {"model": ErrorBody, "description": _MEANINGS[status]} for status in statuses
    }
    return listed | {"default": {"model": ErrorBody, "description": "Any other error"}}
