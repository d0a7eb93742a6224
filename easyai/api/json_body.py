"""Reads JSON bodies strictly, whatever Content-Type the client names."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import Depends, Request

from easyai.errors import BadRequestError


def parse_json(body: bytes) -> Any:
    """The value of a JSON text.

    Raises BadRequestError for invalid JSON, for NaN and infinities, and for nesting too deep.
    """
    try:
        return json.loads(body, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise BadRequestError("body: not UTF-8; send JSON in UTF-8") from None
    except json.JSONDecodeError as error:
        raise BadRequestError(f"body: not valid JSON: {error}") from None
    except RecursionError:
        raise BadRequestError("body: nested too deep; send a plain object") from None
    except ValueError as error:
        raise BadRequestError(f"body: not valid JSON: {error}") from None


def parse_json_or_none(body: bytes) -> Any:
    """The value of a JSON text; None for an empty body and for a text that does not parse."""
    if not body:
        return None
    try:
        return parse_json(body)
    except BadRequestError:
        return None


async def _json_body(request: Request) -> Any:
    return parse_json(await request.body())


JsonBody = Annotated[Any, Depends(_json_body)]


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
