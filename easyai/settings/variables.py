"""The environment variables that set keys: each wins over the file.

`NAME_FILE` names a file in which the value of NAME stands: so containers are handed their secrets.
NAME itself wins over it: ``easyai up`` hands its processes the values of the start.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from easyai.errors import SettingsError
from easyai.settings.file import COPY_VARIABLE, RENEWS_VARIABLE
from easyai.settings.schema import Settings
from easyai.settings.schema_table import is_table

_PREFIX: Final = "EASYAI_"
_OWN_TABLE: Final = "easyai"
_FILE: Final = "_FILE"
# They start like a key of ours and are none: the file's name and process markers.
_NOT_KEYS: Final = frozenset(
    {
        *("EASYAI_CONFIG", "EASYAI_SUPERVISED", "EASYAI_END_WHEN_HUNG"),
        *(COPY_VARIABLE, RENEWS_VARIABLE),
    }
)


def overlay(raw: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Put what variables say into the tables of the file.

    Raises SettingsError naming the variable that cannot be read.
    """
    for name, parts, takes, value in _keys(environ):
        table = raw
        for part in parts[:-1]:
            child = table.setdefault(part, {})
            if not isinstance(child, dict):
                raise SettingsError(f"{name}: '{part}' in the file is not a table")
            table = child
        table[parts[-1]] = _parsed(name, value, takes)


def _keys(environ: Mapping[str, str]) -> Iterator[tuple[str, list[str], Any, str]]:
    """The variables that set keys: name, path of the key, its type and what it is set to."""
    for name, value in environ.items():
        if not name.startswith(_PREFIX) or name in _NOT_KEYS:
            continue
        parts = _path(name)
        takes = _type_of(parts)
        if takes is not None:
            if value or not environ.get(name + _FILE):
                yield name, parts, takes, value
            continue
        plain = name.removesuffix(_FILE)
        takes = _type_of(_path(plain))
        if plain != name and takes is not None and value and not environ.get(plain):
            yield name, _path(plain), takes, text_of(name, value)


def is_named(name: str, environ: Mapping[str, str]) -> bool:
    """Whether a variable sets a key, by its value or by a file with the value."""
    return bool(environ.get(name) or environ.get(name + _FILE))


def _path(name: str) -> list[str]:
    parts = name[len(_PREFIX) :].lower().split("__")
    return [_OWN_TABLE, *parts] if len(parts) == 1 else parts


def text_of(name: str, path: str) -> str:
    """What stands in the file that a variable names; raises SettingsError naming the variable."""
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}: {path} cannot be read: {error}") from None
    if not text:
        raise SettingsError(f"{name}: {path} is empty; write the value into it")
    return text


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
