"""Reasons in tables: a code and JSON arguments, beside the English text of the previous release.

The text columns stay for a single release: processes of the previous release read and write them
during an upgrade. Such a process wrote a row whose code is NULL, or whose text is not the text of
its code. The reason of such a row quotes the text.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from easyai.domain.alarm_cause import cause_code
from easyai.domain.reason import NO_REASON, Reason, args_text, from_columns, quoted, storable
from easyai.masking import hide_credentials
from easyai.messages.catalogue import text

#: Characters after which some tables cut a text, which only the previous release needs.
LONGEST_TEXT: Final = 500
_REMEMBERED: Final = 4096  # cached reasons: most rows have the same reason as at the last reading


def columns(name: str, reason: Reason, prefix: str | None = None) -> dict[str, str | None]:
    """The values of the three columns of a reason; passwords in URLs are hidden.

    What no database takes is replaced in every argument: a file name that is no UTF-8 must not fail
    the transaction that settles a batch of frames.

    `name` is the text column; ``{prefix}_code`` and ``{prefix}_args`` are the other columns.
    `prefix` is `name` by default.
    """
    shown = reason.quoting(lambda argument: hide_credentials(storable(argument)))
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
