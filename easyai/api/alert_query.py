"""The query parameters of the alert list (contract, section 3); empty counts as not given.

A `page`, `page_size` or `max_detections` of 0 or below also counts as not given: field clients send
0 for "any".
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from easyai.api.schemas_alerts import LARGEST_ID
from easyai.db.alert_filter import AlertFilter
from easyai.domain.unicode_form import nfc

LARGEST_PAGE: Final = 100  # alerts
_USUAL_PAGE: Final = 20
_LARGEST_INT: Final = 2**31 - 1
_LATEST: Final = 253_402_300_799.0  # the end of the year 9999, Unix seconds
_UNIX_SECONDS: Final = {"type": "number", "minimum": 0, "maximum": _LATEST}
_EMPTY: Final = {"type": "string", "maxLength": 0}
_LOST_PLUS = re.compile(r" (\d\d:?\d\d)$")


def parse_moment(value: str) -> float:
    """ISO 8601 or Unix seconds, as Unix seconds; without a zone it is this server's local time.

    Raises ValueError with the accepted forms.
    """
    text = value.strip()
    try:
        moment = float(text)
    except ValueError:
        return _parse_iso(text)
    if not 0 <= moment <= _LATEST:
        raise ValueError("Unix seconds go from 0 to the year 9999: are these milliseconds?")
    return moment


def _parse_iso(text: str) -> float:
    # A '+' that the client did not encode arrives as a blank.
    text = _LOST_PLUS.sub(r"+\1", text) if text.count(":") > 1 else text
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError):
        raise ValueError(
            "must be ISO 8601, such as 2025-11-12T04:07:41Z, or Unix seconds"
        ) from None


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


def _none_if_not_positive(value: int | None) -> int | None:
    return value if value is not None and value > 0 else None


def _moment(value: Any) -> Any:
    return parse_moment(value) if isinstance(value, str) and value else None


def _name(value: str | None) -> str | None:
    if value is None:
        return None
    if "\0" in value:
        raise ValueError("must not hold NUL characters; leave them out")
    return nfc(value)


Name = Annotated[str | None, BeforeValidator(_none_if_empty), AfterValidator(_name)]
Count = Annotated[
    Annotated[int, Field(ge=-_LARGEST_INT, le=_LARGEST_INT)] | None,
    BeforeValidator(_none_if_empty),
]
_CountAbove0 = Annotated[Count, AfterValidator(_none_if_not_positive)]
Moment = Annotated[
    float | None,
    BeforeValidator(_moment),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, _UNIX_SECONDS, _EMPTY]}),
]
Page = Annotated[
    Annotated[int, Field(le=_LARGEST_INT)],
    BeforeValidator(lambda value: 1 if value == "" else value),
    AfterValidator(lambda page: max(page, 1)),
    Query(description="0 and below count as 1"),
]
PageSize = Annotated[
    int,
    BeforeValidator(lambda value: _USUAL_PAGE if value == "" else value),
    AfterValidator(lambda size: min(size, LARGEST_PAGE) if size > 0 else _USUAL_PAGE),
    Query(description=f"At most {LARGEST_PAGE}; 0 and below count as {_USUAL_PAGE}"),
]
Before = Annotated[
    Annotated[int, Field(le=LARGEST_ID)] | None,
    BeforeValidator(_none_if_empty),
    AfterValidator(_none_if_not_positive),
    Query(
        description="Only alerts with ids below this id, and no pages; 0 and below count as not "
        "given"
    ),
]


async def alert_filter(
    task_id: Name = None,
    task_type: Name = None,
    min_detections: Count = None,
    max_detections: _CountAbove0 = None,
    start_time: Moment = None,
    end_time: Moment = None,
) -> AlertFilter:
    """Which alerts to list; the times are creation times, both ends included."""
    return AlertFilter(task_id, task_type, min_detections, max_detections, start_time, end_time)
