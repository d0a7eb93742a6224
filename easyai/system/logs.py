"""The log format of every easyai process: a line for each record, whatever its text holds.

Answers of services, names, folders and drivers' messages come from outside. A newline in them would
forge a line, an ESC would steer the reader's terminal, a control of direction would show other
words.
"""

from __future__ import annotations

import copy
import logging
from typing import Final

from easyai.masking import hide_credentials

FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_WIDE_SPACE: Final = "\u3000"  # as Chinese texts have it


def one_line(text: str) -> str:
    """The text with characters that are not printed written as escapes, such as \\n or \\u202e.

    Escapes control, format and separator characters (categories Cc, Cf, Zl, Zp, and Zs but spaces)
    and characters without a meaning (Cs, Co, Cn).
    """
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable() or char == _WIDE_SPACE
        else char.encode("unicode_escape").decode()
        for char in text
    )


class LineFormatter(logging.Formatter):
    """Formats as another formatter does, with clean text and without passwords of URLs.

    Only tracebacks have further lines. Each is indented, so that no reader takes it for a record.
    """

    def __init__(self, inner: logging.Formatter | None = None) -> None:
        super().__init__()
        self._inner = inner or logging.Formatter(FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        """The record's line, and behind it the traceback."""
        record.message = record.getMessage()  # as every formatter does, for other handlers
        clean = copy.copy(record)
        clean.msg, clean.args = one_line(hide_credentials(record.message)), None
        clean.exc_info = clean.exc_text = clean.stack_info = None
        lines = [self._inner.format(clean)]
        if record.exc_info:
            lines += self.formatException(record.exc_info).split("\n")
        if record.stack_info:
            lines += self.formatStack(record.stack_info).split("\n")
        return "\n  ".join([lines[0], *(one_line(hide_credentials(line)) for line in lines[1:])])


def set_up() -> None:
    """Log to stderr; for processes that Celery does not set up."""
    logging.basicConfig(level=logging.INFO, format=FORMAT)
    clean_handlers(logging.getLogger())


def clean_handlers(logger: logging.Logger) -> None:
    """Make the handlers of a logger write clean lines, each in its own format."""
    for handler in logger.handlers:
        if not isinstance(handler.formatter, LineFormatter):
            handler.setFormatter(LineFormatter(handler.formatter))
