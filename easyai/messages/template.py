"""Templates: the English text of a code, with places for its arguments.

Places are written ``{name}`` or ``{name:format}``; `easyai.messages.formats` lists the formats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: A comment that begins with this, above a template, explains the template to translators.
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
    """A template with two forms; the argument `n` chooses the form."""
    return Template(code, singular, plural)
