"""Options that take the name of a task type or of a camera."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from easyai.domain.unicode_form import nfc

F = TypeVar("F", bound=Callable[..., Any])


def name_option(flag: str, help_text: str, **more: Any) -> Callable[[F], F]:
    """An option whose value is a name in NFC, or None; `more`: as `click.option` takes them."""
    return click.option(flag, callback=_convert, help=help_text, **more)


def _convert(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    return None if value is None else nfc(value)
