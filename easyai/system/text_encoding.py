"""The encoding of text for people."""

from __future__ import annotations

import codecs
import locale


def text_encoding() -> str:
    """The encoding of text for people: the locale's; UTF-8 when the locale has only ASCII."""
    try:
        name = codecs.lookup(locale.getencoding()).name
    except LookupError:  # a locale that Python does not know
        return "utf-8"
    return "utf-8" if name == "ascii" else name
