"""The text of a reason in a language: every sentence is made from a code here.

The English texts are the templates in `easyai.messages.templates`. Each other language has a file,
``locale/LANGUAGE/LC_MESSAGES/easyai.po``, which `make messages` brings up to date and compiles.
"""

from __future__ import annotations

import gettext
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from easyai.domain.reason import Reason
from easyai.messages.formats import ArgFormatter
from easyai.messages.template import Template
from easyai.messages.templates import all_templates

DOMAIN: Final = "easyai"
LOCALE: Final = Path(__file__).with_name("locale")
ENGLISH: Final = "en"


@cache
def languages() -> tuple[str, ...]:
    """The languages that have texts, English first."""
    translated = sorted(path.parts[-3] for path in LOCALE.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))
    return (ENGLISH, *translated)


def text(reason: Reason, language: str = ENGLISH) -> str:
    """The sentence of a reason; '' for no reason.

    A code without a template, which a later release may have stored, is shown with its arguments.
    """
    return _catalogue(language).text(reason)


def in_all_languages(reason: Reason) -> str:
    """The sentence in every language, each on its own line, English first."""
    return "\n".join(text(reason, language) for language in languages())


def fields(
    name: str, reason: Reason | None, language: str = ENGLISH, *, prefix: str | None = None
) -> dict[str, Any]:
    """A reason as keys of JSON: its text as `name`, ``{name}_code`` and ``{name}_args``.

    All are null for None. `prefix` replaces ``{name}_``.
    """
    start = f"{name}_" if prefix is None else prefix
    data = {"code": None, "args": None} if reason is None else reason.as_json()
    shown = None if reason is None else text(reason, language)
    return {name: shown, f"{start}code": data["code"], f"{start}args": data["args"]}


def list_fields(name: str, reasons: Iterable[Reason], language: str = ENGLISH) -> dict[str, Any]:
    """Reasons as keys of JSON: their texts as `name`, and ``{name}_reasons`` in the same order."""
    listed = list(reasons)
    return {
        name: [text(reason, language) for reason in listed],
        f"{name}_reasons": [reason.as_json() for reason in listed],
    }


@cache
def templates() -> Mapping[str, Template]:
    """Every template by its code."""
    by_code: dict[str, Template] = {}
    for template in all_templates():
        if template.code in by_code:
            raise ValueError(f"two templates have the code {template.code}")
        by_code[template.code] = template
    return by_code


@cache
def _catalogue(language: str) -> _Catalogue:
    return _Catalogue(language)


class _Catalogue:
    """The templates in a language."""

    def __init__(self, language: str) -> None:
        self._templates = templates()
        self._translations = (
            gettext.NullTranslations()
            if language == ENGLISH
            else gettext.translation(DOMAIN, LOCALE, [language])
        )
        self._formatter = ArgFormatter(self.text, self._templates.__contains__)

    def text(self, reason: Reason) -> str:
        template = self._templates.get(reason.code)
        if template is None:
            return str(reason) if reason else ""
        args = dict(reason.args)
        return self._formatter.vformat(self._translated(template, args.get("n")), (), args)

    def _translated(self, template: Template, number: object) -> str:
        if not template.plural:
            return self._translations.pgettext(template.code, template.text)
        n = number if isinstance(number, int) else 2
        return self._translations.npgettext(template.code, template.text, template.plural, n)
