"""The shapes of alerts (contract, section 3), as the API's documents show them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from easyai.api.schemas import Done

LARGEST_ID = 2**53 - 1  # the largest integer that every JSON reader keeps exactly


class AlertEntry(BaseModel):
    """An alert; times in ISO 8601, UTC."""

    id: int
    task_id: str
    task_type: str
    image_path: str
    image_url: str = Field(description="Valid for a day; empty for an alert without a picture")
    algorithm_id: str
    algorithm_name: str
    result: str = Field(description="The algorithm's result as a JSON text")
    confidence: float
    detection_count: int
    inference_time_ms: int
    created_at: str
    updated_at: str


class AlertPage(BaseModel):
    """Alerts, newest first, and how many there are in all."""

    items: list[AlertEntry]
    total: int
    next: int | None = Field(
        default=None,
        description="Only with `before`: the value of `before` for the alerts that follow; null "
        "after the last alert of the list",
    )


class OneAlert(BaseModel):
    """One alert."""

    alert: AlertEntry


class AlertIds(BaseModel):
    """Which alerts to delete."""

    model_config = ConfigDict(extra="allow")

    ids: list[Annotated[int, Field(ge=1, le=LARGEST_ID)]] = Field(min_length=1, max_length=1000)


class Deleted(Done):
    """The alerts that were there are deleted."""

    deleted_count: int = Field(ge=0)


class TaskIds(BaseModel):
    """The cameras that have alerts."""

    task_ids: list[str]
