"""The texts of answers, each with the reason that stands beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from easyai.domain.reason import Reason, from_json


def said(value: Any) -> Iterator[tuple[str, Reason]]:
    """Each text of JSON that has a reason, at any depth, with this reason."""
    if isinstance(value, list):
        for one in value:
            yield from said(one)
    if not isinstance(value, dict):
        return
    for key, one in value.items():
        beside = "" if key == "text" and "text_code" not in value else f"{key}_"
        code, args = value.get(f"{beside}code"), value.get(f"{beside}args")
        if isinstance(one, str) and code and args is not None:
            yield one, from_json({"code": code, "args": args})
        if f"{key}_reasons" in value:
            yield from zip(one, map(from_json, value[f"{key}_reasons"]), strict=True)
        yield from said(one)
