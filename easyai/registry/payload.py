"""Registrations as their model judges them, and the usable numbers of heartbeats."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from easyai.domain.unicode_form import nfc
from easyai.errors import BadRequestError
from easyai.masking import hide_credentials
from easyai.registry.bodies import (
    LARGEST_COUNT,
    LARGEST_MS,
    LONGEST_TASK_TYPE,
    LONGEST_TASK_TYPE_BYTES,
    LONGEST_TEXT,
    LONGEST_TIMEOUT_SEC,
    LONGEST_URL_BYTES,
    MOST_CONCURRENCY,
    MOST_TASK_TYPES,
    SHORTEST_TIMEOUT_SEC,
    RegisterBody,
)

_SHOWN = 60  # characters of a wrong value in its error message
_REQUIRED: Final = {
    "service_id": "required; send the name of this service, such as yolo_1",
    "endpoint": "required; send the URL that takes frames, such as http://192.168.1.20:7901/infer",
}


@dataclass(frozen=True, slots=True)
class Registration:
    """A valid registration of an endpoint."""

    service_id: str
    name: str
    task_types: tuple[str, ...]  # in NFC, each once
    endpoint: str
    version: str
    max_concurrency: int | None  # requests in flight; None: no limit of its own
    health_url: str | None  # None: /health at the endpoint's origin
    heartbeat_timeout_sec: float | None  # None: the timeout of the settings


def parse_registration(payload: Any) -> Registration:
    """The registration in a body that RegisterBody accepts (contract, section 2).

    Raises BadRequestError naming the first field that is wrong, and the remedy.
    """
    try:
        body = RegisterBody.model_validate(payload)
    except ValidationError as error:
        raise BadRequestError(_refusal(error.errors(include_url=False)[0])) from None
    return Registration(
        service_id=body.service_id,
        name=body.name or body.service_id,
        task_types=tuple(dict.fromkeys(body.task_types)),
        endpoint=body.endpoint,
        version=body.version or "",
        max_concurrency=body.max_concurrency,
        health_url=body.health_url or None,
        heartbeat_timeout_sec=body.heartbeat_timeout_sec,
    )


def reported_stats(stats: Any) -> dict[str, int | float | None]:
    """The numbers of a heartbeat's body, None for each number that is not usable.

    Durations are milliseconds; the keys are the columns of `easyai.db.services.heartbeats`.
    """
    fields = stats if isinstance(stats, Mapping) else {}
    total = _finite(fields.get("total_requests"), LARGEST_COUNT)
    return {
        "total_requests": None if total is None else int(total),
        "avg_ms": _finite(fields.get("avg_inference_time_ms"), LARGEST_MS),
        "last_ms": _finite(fields.get("last_inference_time_ms"), LARGEST_MS),
        "last_total_ms": _finite(fields.get("last_total_time_ms"), LARGEST_MS),
    }


def is_clean_text(text: str) -> bool:
    """Whether a text holds no control characters and no half surrogate pairs."""
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def _refusal(error: ErrorDetails) -> str:
    """The wrong field and the remedy."""
    value = None if error["type"] == "missing" else error["input"]
    if not error["loc"]:
        return (
            "body: must be a JSON object with service_id, endpoint and task_types, "
            f"not {_shown(value)}"
        )
    field = str(error["loc"][0])
    if error["type"] == "value_error":
        return f"{field}: {error['ctx']['error']}"
    if field == "task_types":
        words = _task_types_refused(value, error["type"], is_item=len(error["loc"]) > 1)
    elif field == "max_concurrency":
        words = (
            f"must be an integer from 1 to {MOST_CONCURRENCY}, not {_shown(value)}; "
            "leave it out for no limit"
        )
    elif field == "heartbeat_timeout_sec":
        words = (
            f"must be seconds from {SHORTEST_TIMEOUT_SEC:g} to {LONGEST_TIMEOUT_SEC:g}, "
            f"not {_shown(value)}; send twice the interval of the heartbeats, or leave it out for "
            "the server's own"
        )
    else:
        words = _text_refused(field, value)
    return f"{field}: {words}"


def _task_types_refused(value: Any, kind: str, *, is_item: bool) -> str:
    if kind == "too_long":
        return f"at most {MOST_TASK_TYPES}, not {len(value)}"
    if not is_item:
        return f'required; send a list of names, such as ["人数统计"], not {_shown(value)}'
    if not isinstance(value, str) or not value.strip():
        return f"must hold names, not {_shown(value)}"
    name = nfc(value)
    if kind == "task_type_too_long":
        return (
            f"{_shown(name)} is too long; at most {LONGEST_TASK_TYPE} characters "
            f"and {LONGEST_TASK_TYPE_BYTES} bytes of UTF-8"
        )
    return (
        f"{_shown(name)} cannot be a folder's name; "
        "leave out '/', control characters and a '.' at the start"
    )


def _text_refused(field: str, value: Any) -> str:
    text = value.strip() if isinstance(value, str) else value
    if field in _REQUIRED and text in (None, ""):
        return _REQUIRED[field]
    if not isinstance(text, str):
        return f"must be text in quotes, not {_shown(value)}"
    longest = LONGEST_URL_BYTES if field in ("endpoint", "health_url") else LONGEST_TEXT
    if len(text) > longest:
        return f"at most {longest} characters, not {len(text)}"
    if not is_clean_text(text):
        return f"has control characters or broken Unicode, leave them out: {_shown(text)}"
    if field == "health_url":
        return (
            f"not an http(s) URL: {_shown(hide_credentials(text))}; "
            "leave it out for /health at the endpoint's origin"
        )
    return hide_credentials(
        f"not an http(s) URL: {text[:200]!r}; send for example http://192.168.1.20:7901/infer"
    )


def _finite(value: Any, largest: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # NaN compares as false; a huge int is compared before it is made a float.
    return float(value) if 0 <= value <= largest else None


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str | int | float | bool) else type(value).__name__
    if value is None:
        text = "nothing"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
