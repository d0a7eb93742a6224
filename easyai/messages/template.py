"""What a template is: the English text of a code, with places for its arguments.

Places are written ``{name}`` or ``{name:format}``; `easyai.messages.formats` lists the formats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Says to translators what a template is for: a comment that begins so stands above it.
TRANSLATORS: Final = "Translators:"


@dataclass(frozen=True, slots=True)
class Template:
    """The English text of a code."""

    code: str
    text: str
    plural: str = ""  # where the argument `n` is not 1; '': the text fits every number


def message(code: str, text: str) -> Template:
    """A template; `pybabel extract` finds the calls of this function."""
    return Template(code, text)


def plural(code: str, singular: str, plural: str) -> Template:
    """A template of two forms, chosen by the argument `n`."""
    return Template(code, singular, plural)
