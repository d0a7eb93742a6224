"""The bodies that algorithm services send (contract, section 2), as the API publishes them.

`RegisterBody` judges registrations: the server enforces the very patterns and limits that /docs
shows. A rule that JSON Schema cannot express (bytes of UTF-8, the composed form of a name, the
content of an address's brackets) is a validator here and a sentence in the field's description.
So the published schema refuses no body that the server accepts. Texts with U+FEFF are the
exception: ECMAScript counts this character as a blank, Python does not.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from easyai.domain.numbers import as_integer
from easyai.domain.service import is_http_url
from easyai.domain.unicode_form import nfc
from easyai.masking import HIDDEN

LONGEST_TEXT: Final = 256  # characters of service_id, name and version
LONGEST_URL_BYTES: Final = 2000  # an index of PostgreSQL takes 2,700
MOST_TASK_TYPES: Final = 200
LONGEST_TASK_TYPE: Final = 80  # characters
LONGEST_TASK_TYPE_BYTES: Final = 240  # a file name and an AMQP queue name take 255
MOST_CONCURRENCY: Final = 1_000_000
# Twice the sweep's interval: a shorter timeout would lapse between two sweeps though each heartbeat
# came in time, and the service would turn suspect and back for ever.
SHORTEST_TIMEOUT_SEC: Final = 10.0
LONGEST_TIMEOUT_SEC: Final = 86_400.0
LARGEST_MS: Final = 1e12
LARGEST_COUNT: Final = float(2**53)  # the limit of exact integers in JSON numbers

# Patterns without look-around and without counts: pydantic matches them in linear time.
_CONTROL: Final = r"\u0000-\u001f\u007f-\u009f"
_BLANKS: Final = r"[\s\u001c-\u001f\u0085]*"  # the characters of str.strip; dialects differ
_PORT: Final = (  # 0 to 65535
    r"0*(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
)
_HOST: Final = rf"(?:\[[^\s/?#@\[\]{_CONTROL}]+\]|[^\s/?#@:\[\]{_CONTROL}]+)"
_HTTP: Final = (
    rf"[Hh][Tt][Tt][Pp][Ss]?://(?:[^\s/?#{_CONTROL}]*@)?{_HOST}(?::(?:{_PORT})?)?"
    rf"(?:[/?#][^\s{_CONTROL}]*)?"
)
_TEXT: Final = rf"^{_BLANKS}[^{_CONTROL}]*{_BLANKS}$"
_ID: Final = rf"^{_BLANKS}[^\s{_CONTROL}][^{_CONTROL}]*{_BLANKS}$"
_FOLDER: Final = rf"^(?:[^\s./{_CONTROL}]|[^\S{_CONTROL}]+[^\s/{_CONTROL}])[^/{_CONTROL}]*$"
_MOST_DECOMPOSED: Final = 4  # characters that compose into another (Unicode Standard Annex 15)


def _stripped(text: str, longest: int = LONGEST_TEXT) -> str:
    text = text.strip()
    if len(text) > longest:
        raise PydanticCustomError("text_too_long", "too long")
    return text


def _url(value: str) -> str:
    url = _stripped(value, LONGEST_URL_BYTES)
    if len(url.encode()) > LONGEST_URL_BYTES:
        raise ValueError(f"at most {LONGEST_URL_BYTES} bytes")
    if url and not is_http_url(url):
        raise PydanticCustomError("not_a_url", "not an http(s) URL")
    return url


def _no_placeholder(endpoint: str) -> str:
    if HIDDEN in endpoint:
        raise ValueError(f"put its password in the place of {HIDDEN}")
    return endpoint


def _task_type(value: str) -> str:
    name = nfc(value)
    if len(name) > LONGEST_TASK_TYPE or len(name.encode()) > LONGEST_TASK_TYPE_BYTES:
        raise PydanticCustomError("task_type_too_long", "too long")
    return name


def _integer(value: Any) -> Any:
    """The integer 4 for 4.0; any value that is no whole number unchanged."""
    number = as_integer(value)
    return value if number is None else number


def _without(pattern: str) -> dict[str, Any]:
    """The part of a JSON schema that refuses texts in which the pattern is found."""
    return {"not": {"pattern": pattern}}


# Blanks around a text do not count, so a maxLength of the published schema would refuse too much.
_SHORT: Final = _without(rf"\S[\s\S]{{{LONGEST_TEXT - 1},}}\S")
_LONG_URL: Final = rf"\S{{{LONGEST_URL_BYTES + 1}}}"

ServiceId = Annotated[str, Field(pattern=_ID, json_schema_extra=_SHORT), AfterValidator(_stripped)]
Text = Annotated[str, Field(pattern=_TEXT, json_schema_extra=_SHORT), AfterValidator(_stripped)]
Endpoint = Annotated[
    str,
    Field(
        pattern=f"^{_BLANKS}{_HTTP}{_BLANKS}$",
        json_schema_extra=_without(f"{re.escape(HIDDEN)}|{_LONG_URL}"),
    ),
    AfterValidator(_url),
    AfterValidator(_no_placeholder),
]
HealthUrl = Annotated[
    str,
    Field(pattern=f"^{_BLANKS}(?:{_HTTP}{_BLANKS})?$", json_schema_extra=_without(_LONG_URL)),
    AfterValidator(_url),
]
TaskType = Annotated[
    str,
    Field(pattern=_FOLDER, json_schema_extra={"maxLength": _MOST_DECOMPOSED * LONGEST_TASK_TYPE}),
    AfterValidator(_task_type),
]
Concurrency = Annotated[int, Field(ge=1, le=MOST_CONCURRENCY), BeforeValidator(_integer)]
Count = Annotated[float, Field(ge=0, le=LARGEST_COUNT)]
Milliseconds = Annotated[float, Field(ge=0, le=LARGEST_MS)]


class RegisterBody(BaseModel):
    """A registration; further keys are ignored, as are blanks around a text."""

    model_config = ConfigDict(strict=True)

    service_id: ServiceId = Field(description=f"At most {LONGEST_TEXT} characters")
    name: Text | None = Field(None, description=f"At most {LONGEST_TEXT} characters")
    task_types: list[TaskType] = Field(
        min_length=1,
        max_length=MOST_TASK_TYPES,
        fail_fast=True,
        description=f"Names of folders, each at most {LONGEST_TASK_TYPE} characters in composed "
        f"form (NFC) and {LONGEST_TASK_TYPE_BYTES} bytes of UTF-8",
    )
    endpoint: Endpoint = Field(
        description=f"The URL that takes frames; at most {LONGEST_URL_BYTES} bytes of UTF-8"
    )
    version: Text | None = Field(None, description=f"At most {LONGEST_TEXT} characters")
    max_concurrency: Concurrency | None = Field(
        None, description="How many requests this endpoint takes at once"
    )
    health_url: HealthUrl | None = Field(
        None,
        description="The URL to probe when heartbeats fail; empty: /health at the endpoint's "
        f"origin; at most {LONGEST_URL_BYTES} bytes of UTF-8",
    )
    heartbeat_timeout_sec: float | None = Field(
        None, ge=SHORTEST_TIMEOUT_SEC, le=LONGEST_TIMEOUT_SEC
    )


class HeartbeatBody(BaseModel):
    """Numbers that a service reports about itself; a number that does not fit is ignored.

    A body that does not parse, or is no object, still counts as a heartbeat.
    """

    total_requests: Count | None = None
    avg_inference_time_ms: Milliseconds | None = None
    last_inference_time_ms: Milliseconds | None = None
    last_total_time_ms: Milliseconds | None = None
