"""The texts of answers, each with the reason that stands beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from easyai.domain.reason import Reason, from_json


def reason_texts(value: Any) -> Iterator[tuple[str, Reason]]:
    """Each text of JSON that has a reason, at any depth, with this reason."""
    if isinstance(value, list):
        for entry in value:
            yield from reason_texts(entry)
    if not isinstance(value, dict):
        return
    for key, entry in value.items():
        beside = "" if key == "text" and "text_code" not in value else f"{key}_"
        code, args = value.get(f"{beside}code"), value.get(f"{beside}args")
        if isinstance(entry, str) and code and args is not None:
            yield entry, from_json({"code": code, "args": args})
        if f"{key}_reasons" in value:
            yield from zip(entry, map(from_json, value[f"{key}_reasons"]), strict=True)
        yield from reason_texts(entry)
