"""JSON of strangers in answers of ours."""

from __future__ import annotations

import json
from typing import Any

import orjson


def shown(value: Any) -> Any:
    """A JSON value, or its text where the encoder of answers refuses it.

    The encoder refuses lone surrogates and nesting beyond 255 levels; services and people may write
    both.
    """
    try:
        orjson.dumps([[value]])  # as deep as it lies in an answer
    except TypeError:
        try:
            return json.dumps(value)
        except RecursionError:
            return "…"
    return value
