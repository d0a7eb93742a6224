"""What a service may say of itself: registrations checked field by field, heartbeats sifted."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from easyai.domain.numbers import as_integer
from easyai.errors import BadRequestError
from easyai.masking import HIDDEN, hide_credentials
from easyai.names import nfc

LONGEST_TEXT: Final = 256  # characters of service_id, name and version
LONGEST_URL_BYTES: Final = 2000  # an index of PostgreSQL takes 2,700
MOST_TASK_TYPES: Final = 200
LONGEST_TASK_TYPE: Final = 80  # characters
LONGEST_TASK_TYPE_BYTES: Final = 240  # a file name and an AMQP queue name take 255
MOST_CONCURRENCY: Final = 1_000_000
# Twice the sweep's interval: a shorter one would lapse between two looks though each heartbeat came
# in time, and the service would turn suspect and back for ever.
SHORTEST_TIMEOUT_SEC: Final = 10.0
LONGEST_TIMEOUT_SEC: Final = 86_400.0
_LARGEST_SAID_MS: Final = 1e12
_LARGEST_COUNT: Final = 2**53  # what a JSON number holds exactly
_SHOWN = 60  # characters of a wrong value that its error repeats


@dataclass(frozen=True, slots=True)
class Registration:
    """A valid registration of one endpoint."""

    service_id: str
    name: str
    task_types: tuple[str, ...]  # in NFC, each once
    endpoint: str
    version: str
    max_concurrency: int | None  # requests in flight; None: no limit of its own
    health_url: str | None  # None: /health at the endpoint's origin
    heartbeat_timeout_sec: float | None  # None: as the settings say


def parse_registration(payload: Any) -> Registration:
    """Check the body of a registration (contract, section 2); unknown keys are ignored.

    Raises BadRequestError naming the field and the remedy.
    """
    if not isinstance(payload, Mapping):
        raise BadRequestError(
            f"body: must be a JSON object with service_id, endpoint and task_types, "
            f"not {_shown(payload)}"
        )
    service_id = _text(payload, "service_id")
    if not service_id:
        raise BadRequestError("service_id: required; send the name of this service, such as yolo_1")
    return Registration(
        service_id=service_id,
        name=_text(payload, "name") or service_id,
        task_types=_task_types(payload.get("task_types")),
        endpoint=_endpoint(payload),
        version=_text(payload, "version"),
        max_concurrency=_max_concurrency(payload.get("max_concurrency")),
        health_url=_health_url(payload),
        heartbeat_timeout_sec=_heartbeat_timeout(payload.get("heartbeat_timeout_sec")),
    )


def said_in(stats: Any) -> dict[str, int | float | None]:
    """The usable numbers of a heartbeat's body, None for those that are not.

    Milliseconds for durations; keys as `easyai.db.services.heartbeats` takes them.
    """
    said = stats if isinstance(stats, Mapping) else {}
    total = _finite(said.get("total_requests"), _LARGEST_COUNT)
    return {
        "total_requests": None if total is None else int(total),
        "avg_ms": _finite(said.get("avg_inference_time_ms"), _LARGEST_SAID_MS),
        "last_ms": _finite(said.get("last_inference_time_ms"), _LARGEST_SAID_MS),
        "last_total_ms": _finite(said.get("last_total_time_ms"), _LARGEST_SAID_MS),
    }


def is_clean_text(text: str) -> bool:
    """Whether a text holds no control characters and no half surrogate pairs."""
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def _text(payload: Mapping[str, Any], field: str, longest: int = LONGEST_TEXT) -> str:
    value = payload.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRequestError(f"{field}: must be text in quotes, not {_shown(value)}")
    text = value.strip()
    if len(text) > longest:
        raise BadRequestError(f"{field}: at most {longest} characters, not {len(text)}")
    if not is_clean_text(text):
        raise BadRequestError(
            f"{field}: has control characters or broken Unicode, leave them out: {_shown(text)}"
        )
    return text


def _endpoint(payload: Mapping[str, Any]) -> str:
    endpoint = _url(payload, "endpoint")
    if not endpoint:
        raise BadRequestError(
            "endpoint: required; send the URL that takes frames, "
            "such as http://192.168.1.20:7901/infer"
        )
    if HIDDEN in endpoint:
        raise BadRequestError(f"endpoint: put its password in the place of {HIDDEN}")
    try:
        return check_endpoint(endpoint)
    except BadRequestError as error:
        raise BadRequestError(hide_credentials(str(error))) from None


def _health_url(payload: Mapping[str, Any]) -> str | None:
    url = _url(payload, "health_url")
    if not url:
        return None
    try:
        return check_endpoint(url)
    except BadRequestError:
        raise BadRequestError(
            f"health_url: not an http(s) URL: {_shown(hide_credentials(url))}; "
            "leave it out for /health at the endpoint's origin"
        ) from None


def _url(payload: Mapping[str, Any], field: str) -> str:
    url = _text(payload, field, LONGEST_URL_BYTES)
    if len(url.encode()) > LONGEST_URL_BYTES:
        raise BadRequestError(f"{field}: at most {LONGEST_URL_BYTES} bytes")
    return url


def _task_types(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise BadRequestError(
            'task_types: required; send a list of at least one, such as ["人数统计"], '
            f"not {_shown(value)}"
        )
    if len(value) > MOST_TASK_TYPES:
        raise BadRequestError(f"task_types: at most {MOST_TASK_TYPES}, not {len(value)}")
    return tuple(dict.fromkeys(map(_task_type, value)))


def _task_type(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadRequestError(f"task_types: must hold names, not {_shown(value)}")
    name = nfc(value)
    if name.startswith(".") or "/" in name or not is_clean_text(name):
        raise BadRequestError(
            f"task_types: {_shown(name)} cannot be a folder's name; "
            "leave out '/', control characters and a '.' at the start"
        )
    if len(name) > LONGEST_TASK_TYPE or len(name.encode()) > LONGEST_TASK_TYPE_BYTES:
        raise BadRequestError(
            f"task_types: {_shown(name)} is too long; at most {LONGEST_TASK_TYPE} characters "
            f"and {LONGEST_TASK_TYPE_BYTES} bytes of UTF-8"
        )
    return name


def _max_concurrency(value: Any) -> int | None:
    if value is None:
        return None
    count = as_integer(value)
    if count is None or not 1 <= count <= MOST_CONCURRENCY:
        raise BadRequestError(
            f"max_concurrency: must be an integer from 1 to {MOST_CONCURRENCY}, "
            f"not {_shown(value)}; leave it out for no limit"
        )
    return count


def _heartbeat_timeout(value: Any) -> float | None:
    if value is None:
        return None
    seconds = _finite(value, LONGEST_TIMEOUT_SEC)
    if seconds is None or seconds < SHORTEST_TIMEOUT_SEC:
        raise BadRequestError(
            f"heartbeat_timeout_sec: must be seconds from {SHORTEST_TIMEOUT_SEC:g} to "
            f"{LONGEST_TIMEOUT_SEC:g}, not {_shown(value)}; send twice the interval of the "
            "heartbeats, or leave it out for the server's own"
        )
    return seconds


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


def check_endpoint(value: str) -> str:
    """A usable endpoint URL, surrounding blanks removed.

    Raises BadRequestError naming the field when it is not an http(s) URL with a host.
    """
    endpoint = value.strip()
    try:
        parts = urlsplit(endpoint)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        valid = False
    if not valid or any(character.isspace() for character in endpoint):
        raise BadRequestError(
            f"endpoint: not an http(s) URL: {endpoint[:200]!r}; "
            "send for example http://192.168.1.20:7901/infer"
        )
    return endpoint
