"""The settings in force, a line for each key, with secrets hidden and their source named."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, SecretStr

from easyai.masking import HIDDEN, hide_secrets
from easyai.settings import installations
from easyai.settings.addresses import hide_address
from easyai.settings.schema import Settings

_ADDRESSES: Final = frozenset(
    {"mq_address", "database_url", "broker_url", "public_url", "events_url"}
)
# Variables that start like a key, but that other modules read.
_NO_KEYS: Final = installations.MARKERS | {installations.CONFIG}


class Value(NamedTuple):
    """One key in force."""

    key: str  # section.name, as in the file
    value: str  # secrets hidden
    source: str  # file, default, or the variable that sets it
    variable: str  # the variable that can set it


def effective_values(settings: Settings, environ: Mapping[str, str]) -> list[Value]:
    """Every key of ours with its value in force and the source of the value."""
    given = {name.upper(): name for name in environ}
    return list(_walk(settings, (), given, settings))


def unknown_variables(values: Sequence[Value], environ: Mapping[str, str]) -> list[str]:
    """Variables that start like ours and set no key: typing errors, mostly."""
    paths = [tuple(value.key.split(".")) for value in values]
    known = {name for path in paths for name in _variables(path)} | _NO_KEYS
    return sorted(
        name for name in environ if name.startswith("EASYAI_") and name.upper() not in known
    )


def _walk(
    table: BaseModel, above: tuple[str, ...], given: Mapping[str, str], settings: Settings
) -> Iterator[Value]:
    for name in type(table).model_fields:
        path, value = (*above, name), getattr(table, name)
        if isinstance(value, BaseModel):
            yield from _walk(value, path, given, settings)
            continue
        variables = _variables(path)
        in_file = "file" if name in table.model_fields_set else "default"
        source = next((given[variable] for variable in variables if variable in given), in_file)
        yield Value(".".join(path), _shown(path, value, settings), source, variables[0])


def _variables(path: tuple[str, ...]) -> list[str]:
    """The variables that set a key: of the key, of the tables above it, then with _FILE added."""
    names = [f"EASYAI_{'__'.join(path[:end]).upper()}" for end in range(len(path), 1, -1)]
    if path[0] == "easyai":
        names = [f"EASYAI_{path[1].upper()}", *names]
    return [*names, *(f"{name}_FILE" for name in names)]


def _shown(path: tuple[str, ...], value: Any, settings: Settings) -> str:
    if isinstance(value, SecretStr):
        return HIDDEN if value.get_secret_value() else "not set"
    if value == "" and (used := _used_instead(path, settings)):
        return used
    hide = hide_address if path[-1] in _ADDRESSES else hide_secrets
    return hide(_plain(value))


def _used_instead(path: tuple[str, ...], settings: Settings) -> str:
    """The value in use instead of an empty value of [easyai]."""
    own = settings.easyai
    words: dict[tuple[str, ...], str] = {
        ("easyai", "database_url"): own.effective_database_url,
        ("easyai", "host"): "all interfaces",
        ("easyai", "broker_url"): f"files in {own.data_dir}",
        ("easyai", "public_url"): own.effective_public_url,
    }
    return words.get(path, "")


def _plain(value: Any) -> str:
    if isinstance(value, str | Path):
        return str(value)
    if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False, default=_as_json)


def _as_json(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_defaults=True)
    return str(value)
