"""Reads the JSON bodies of the pages strictly: unknown fields are refused."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from easyai.api.schemas_alerts import LARGEST_ID
from easyai.domain.numbers import as_integer
from easyai.errors import BadRequestError

MOST_IDS: Final = 1000


def fields(body: Any, known: Collection[str]) -> dict[str, Any]:
    """The object of a body. Raises BadRequestError for another value and for an unknown field."""
    if not isinstance(body, dict):
        raise BadRequestError("body: send a JSON object")
    for name in body:
        if name not in known:
            raise BadRequestError(f"{name!r:.60}: no such field; there are {', '.join(known)}")
    return body


def ids(body: dict[str, Any]) -> list[int]:
    """The ids of a body, 1 to `MOST_IDS`. Raises BadRequestError."""
    given = body.get("ids")
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_IDS:
        raise BadRequestError(f"ids: send a list of 1 to {MOST_IDS} ids")
    checked = [as_integer(item) for item in given]
    if not all(number is not None and 1 <= number <= LARGEST_ID for number in checked):
        raise BadRequestError("ids: must hold positive integers")
    return [number for number in checked if number is not None]


def flag(body: dict[str, Any], name: str, default: bool | None = False) -> bool:
    """A field that is true or false; without a default it is required. Raises BadRequestError."""
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise BadRequestError(f"{name}: send true or false")
    return value


def words(body: dict[str, Any], name: str, longest: int, *, required: bool = True) -> str:
    """A text without NUL of at most `longest` characters. Raises BadRequestError."""
    value = body.get(name, "")
    if not isinstance(value, str) or "\0" in value or (required and not value.strip()):
        raise BadRequestError(f"{name}: send a text")
    if len(value) > longest:
        raise BadRequestError(f"{name}: at most {longest} characters")
    return value.encode("utf-8", "replace").decode()
