"""``--since`` and ``--until``: moments as people write them, judged by the database's clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:  # celery loads this module at each call
    from easyai.db.session import Database

F = TypeVar("F", bound=Callable[..., Any])

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhd])")


@dataclass(frozen=True)
class Moment:
    """A moment whose Unix seconds may depend on the present time, which is not known yet."""

    text: str
    sec: float  # before now, or Unix seconds
    before_now: bool

    def at(self, now: float) -> float:
        """Unix seconds; raises UsageError for the future."""
        if self.before_now:
            return now - self.sec
        if self.sec > now:
            raise click.UsageError(
                f"{self.text!r} lies in the future; use a moment that has passed"
            )
        return self.sec


def parse_moment(value: str) -> Moment:
    """The moment of ``30s``, ``15m``, ``2h`` or ``3d`` before now, or of an ISO time.

    A time without an offset is local. Raises ValueError with the remedy.
    """
    text = value.strip()
    if (match := _DURATION.fullmatch(text)) is not None:
        return Moment(value, float(match[1]) * _SECONDS[match[2]], before_now=True)
    try:
        sec = datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            f"{value!r} is no moment; use a duration such as 30s, 15m, 2h or 3d, "
            "or a time such as 2025-11-14T16:47 (local) or 2025-11-14T08:47:00Z"
        ) from None
    return Moment(value, sec, before_now=False)


def since_option(help_text: str) -> Callable[[F], F]:
    """The option ``--since`` of a command; its value is a Moment, or None."""
    return click.option("--since", metavar="2h|TIME", callback=_convert, help=help_text)


def until_option(help_text: str) -> Callable[[F], F]:
    """The option ``--until`` of a command; the span ends before the moment itself."""
    return click.option("--until", metavar="1h|TIME", callback=_convert, help=help_text)


def span(
    db: Database, since: Moment | None, until: Moment | None = None
) -> tuple[float | None, float | None]:
    """Both moments in Unix seconds by the database's clock, like the times in its rows.

    Raises UsageError when a moment lies in the future, or `since` does not lie before `until`.
    """
    if since is None and until is None:
        return None, None
    now = db.estimated_now()
    begin, end = (limit.at(now) if limit is not None else None for limit in (since, until))
    if begin is not None and end is not None and begin >= end:
        raise click.UsageError("--since must lie before --until: --since 3h --until 1h")
    return begin, end


def _convert(ctx: click.Context, param: click.Parameter, value: str | None) -> Moment | None:
    if value is None:
        return None
    try:
        return parse_moment(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None
