"""JSON as the standard library reads and writes it, by orjson where both do the same."""

from __future__ import annotations

import json
from typing import Any, Final

import orjson

_ZEROS: Final = bytes.maketrans(b"123456789", b"0" * 9)
_LONG: Final = b"0" * 19  # digits of an integer that 64 bits may not hold: orjson makes it a float
# Each level needs a bracket. The standard library refuses some hundred levels less than orjson.
_MOST_BRACKETS: Final = 500
# Floats below 0.0001, and floats with an exponent: there orjson's text may differ.
_SMALL: Final = b"0.0000"
_EXPONENT: Final = b"0e"


def parsed(body: bytes) -> Any:
    """The value of a JSON text; raises ValueError, also for NaN, and RecursionError."""
    brackets = body.count(b"[") + body.count(b"{")
    if brackets > _MOST_BRACKETS or _LONG in body.translate(_ZEROS):
        return _parsed_by_standard(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:  # also for lone surrogates, UTF-16 and 1e999
        return _parsed_by_standard(body)


def result_text(result: Any) -> str:
    """A JSON value as the JSON string that an alert carries; Chinese stays readable."""
    try:
        text = orjson.dumps(result)
    except orjson.JSONEncodeError:  # lone surrogates, integers beyond 64 bits, 254 levels
        return _text_by_standard(result)
    if _SMALL in text or _EXPONENT in text.translate(_ZEROS):
        return _text_by_standard(result)
    return text.decode()


def _parsed_by_standard(body: bytes) -> Any:
    return json.loads(body, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _text_by_standard(result: Any) -> str:
    try:
        text = json.dumps(result, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:  # Python reads 1e999 as infinity, which is not JSON
        return result_text(json.loads(json.dumps(result), parse_constant=lambda _: None))
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair: not text, but valid JSON when escaped
        return json.dumps(result, separators=(",", ":"))
    return text
