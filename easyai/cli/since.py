"""``--since`` and ``--until``: moments as people say them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhd])")


def parse_since(value: str, now: float) -> float:
    """The moment meant by ``30s``, ``15m``, ``2h``, ``3d`` before `now`, or by an ISO time.

    Unix seconds; a time without an offset is local. Raises ValueError with the remedy.
    """
    text = value.strip()
    if (match := _DURATION.fullmatch(text)) is not None:
        return now - float(match[1]) * _SECONDS[match[2]]
    try:
        moment = datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            f"{value!r} is no moment; use a duration such as 30s, 15m, 2h or 3d, "
            "or a time such as 2025-11-14T16:47 (local) or 2025-11-14T08:47:00Z"
        ) from None
    if moment > now:
        raise ValueError(f"{value!r} lies in the future; use a moment that has passed")
    return moment


def since_option(help_text: str) -> Callable[[F], F]:
    """The option ``--since`` of a command; its value is Unix seconds, or None."""
    return click.option("--since", metavar="2h|TIME", callback=_convert, help=help_text)


def until_option(help_text: str) -> Callable[[F], F]:
    """The option ``--until``, likewise; the moment itself is not part of the span."""
    return click.option("--until", metavar="1h|TIME", callback=_convert, help=help_text)


def require_span(since: float | None, until: float | None) -> None:
    """Raise UsageError when nothing can lie between the two."""
    if since is not None and until is not None and since >= until:
        raise click.UsageError("--since must lie before --until: --since 3h --until 1h")


def _convert(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    try:
        return parse_since(value, time.time())
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None
