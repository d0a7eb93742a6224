"""The environment variables that set keys: each wins over the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import SecretStr

from easyai.errors import SettingsError
from easyai.settings_file import COPY_VARIABLE, RENEWS_VARIABLE
from easyai.settings_tables import Settings
from easyai.settings_words import is_table

_PREFIX: Final = "EASYAI_"
_OWN_TABLE: Final = "easyai"
# They start like a key of ours and are none: the file's name and process markers.
_NOT_KEYS: Final = frozenset({"EASYAI_CONFIG", "EASYAI_SUPERVISED", COPY_VARIABLE, RENEWS_VARIABLE})


def overlay(raw: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Put what variables say into the tables of the file.

    Raises SettingsError naming the variable that cannot be read.
    """
    for name, value in environ.items():
        if not name.startswith(_PREFIX) or name in _NOT_KEYS:
            continue
        parts = name[len(_PREFIX) :].lower().split("__")
        if len(parts) == 1:
            parts = [_OWN_TABLE, *parts]
        takes = _type_of(parts)
        if takes is None:
            continue
        table = raw
        for part in parts[:-1]:
            child = table.setdefault(part, {})
            if not isinstance(child, dict):
                raise SettingsError(f"{name}: '{part}' in the file is not a table")
            table = child
        table[parts[-1]] = _parsed(name, value, takes)


def _type_of(parts: list[str]) -> Any:
    """The type of a key or table; None where there is none of that name."""
    model: Any = Settings
    for part in parts:
        if not is_table(model):
            return None
        field = model.model_fields.get(part)
        if field is None:
            return None
        model = field.annotation
    return model


def _parsed(name: str, value: str, takes: Any) -> Any:
    # A text may begin so as well: [::1]:5066.
    if value[:1] in ("[", "{") and takes not in (str, SecretStr):
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            raise SettingsError(f"{name}: not valid JSON: {error}") from None
    return value
