"""Reasons in tables: a code and JSON arguments, beside the English text of the release before.

The text columns stay for one release: processes of the release before read and write them while an
installation is upgraded. A row whose code is NULL was written by such a process.
"""

from __future__ import annotations

from typing import Any

from easyai.domain.reason import NO_REASON, Reason, args_text, from_columns, quoted
from easyai.masking import hide_credentials
from easyai.messages.catalogue import text


def columns(name: str, reason: Reason, prefix: str | None = None) -> dict[str, str | None]:
    """The values of the three columns of a reason; passwords in URLs are hidden.

    `name` is the text column, ``{prefix}_code`` and ``{prefix}_args`` are the others, `prefix`
    being the name where it is None.
    """
    shown = reason.quoting(hide_credentials)
    start = name if prefix is None else prefix
    return {name: text(shown), f"{start}_code": shown.code, f"{start}_args": args_text(shown)}


def read(row: Any, name: str, prefix: str | None = None) -> Reason:
    """The reason of a row that has the columns of `columns`."""
    start = name if prefix is None else prefix
    code, old = getattr(row, f"{start}_code"), getattr(row, name)
    if code is None:
        return quoted(old) if old else NO_REASON
    return from_columns(code, getattr(row, f"{start}_args"))
