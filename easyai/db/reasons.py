"""Reasons in tables: a code and JSON arguments, beside the English text of the release before.

The text columns stay for one release: processes of the release before read and write them while an
installation is upgraded. A row was written by such a process where its code is NULL, or where its
text is not that of its code: the text is then quoted.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from easyai.domain.alarm_cause import cause_code
from easyai.domain.reason import NO_REASON, Reason, args_text, from_columns, quoted
from easyai.masking import hide_credentials
from easyai.messages.catalogue import text

#: Characters of a text that tables cut: it is kept for processes of the release before only.
LONGEST_TEXT: Final = 500
_REMEMBERED: Final = 4096  # reasons that were read lately: most rows say what they said before


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
    return _read(
        getattr(row, f"{start}_code"), getattr(row, f"{start}_args"), getattr(row, name) or ""
    )


@lru_cache(maxsize=_REMEMBERED)
def _read(code: str | None, args: str | None, old: str) -> Reason:
    if code is not None:
        reason = from_columns(code, args)
        shown = text(reason)
        if old in (shown, shown[:LONGEST_TEXT], cause_code(reason)):
            return reason
    return quoted(old) if old else NO_REASON
