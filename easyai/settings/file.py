"""The text of the settings file, and the environment variables that win over it.

`NAME_FILE` names a file that holds the value of NAME: containers get their secrets this way. NAME
itself wins over `NAME_FILE`: ``easyai up`` hands its processes the values of the start.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import tomli
from pydantic import SecretStr

from easyai.domain.reason import Reason
from easyai.errors import SettingsError
from easyai.settings.faults import in_file, of_variable
from easyai.settings.last_good import kept
from easyai.settings.schema import Settings
from easyai.settings.schema_table import is_table

_PATHS: Final = (("easyai", "data_dir"), ("frame_extractor", "output_dir"))
_SQLITE: Final = re.compile(r"(sqlite(?:\+\w+)?:///)([^/:?][^?]*)(.*)")
_PREFIX: Final = "EASYAI_"
_OWN_TABLE: Final = "easyai"
_FILE: Final = "_FILE"


def config_path() -> Path | None:
    """The file named by ``EASYAI_CONFIG``, or None for defaults only."""
    name = os.environ.get("EASYAI_CONFIG", "")
    return Path(name) if name else None


def read(path: Path, copy: Path | None = None) -> str:
    """The text of the file; raises SettingsError when the file is gone or is no text.

    Also raises when the file is empty and `copy` holds its last good text: a full disk, or an
    editor that is about to write, can empty it. With the defaults easyai would run as another
    installation.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise _unread(path, Reason("settings.no_file")) from None
    except PermissionError:
        raise _unread(path, Reason("settings.file_forbidden")) from None
    except (OSError, UnicodeDecodeError) as error:
        raise _unread(path, Reason.of("settings.no_text", error=str(error))) from None
    if copy and not text.strip() and kept(copy, path):
        raise _unread(path, Reason("settings.emptied"))
    return text


def _unread(path: Path, fault: Reason) -> SettingsError:
    return SettingsError(in_file(path, fault))


def parse(path: Path, text: str) -> dict[str, Any]:
    """The tables of the text; raises SettingsError naming the place when the text is no TOML.

    A relative path starts at the folder of the file, whatever folder a command is run in.
    """
    try:
        raw = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise _unread(path, Reason.of("settings.no_toml", error=str(error))) from None
    _place(raw, path.absolute().parent)
    return raw


def _place(raw: dict[str, Any], folder: Path) -> None:
    for table, key in _PATHS:
        named = raw.get(table)
        if isinstance(named, dict) and isinstance(named.get(key), str) and named[key]:
            named[key] = str(folder / named[key])
    own = raw.get("easyai")
    if isinstance(own, dict) and isinstance(own.get("database_url"), str):
        own["database_url"] = absolute_sqlite(own["database_url"], folder)


def absolute_sqlite(url: str, folder: Path) -> str:
    """The database's URL; a relative path of an SQLite file is placed below `folder`."""
    match = _SQLITE.fullmatch(url)
    return f"{match[1]}{folder / match[2]}{match[3]}" if match else url


def overlay(raw: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Put the values of variables into the tables of the file.

    Raises SettingsError naming the variable that cannot be read.
    """
    for name, parts, takes, value in _keys(environ):
        table = raw
        for part in parts[:-1]:
            child = table.setdefault(part, {})
            if not isinstance(child, dict):
                no_table = Reason.of("settings.no_table", key=part)
                raise SettingsError(of_variable(name, no_table))
            table = child
        table[parts[-1]] = _parsed(name, value, takes)


def _keys(environ: Mapping[str, str]) -> Iterator[tuple[str, list[str], Any, str]]:
    """The variables that set keys: name, path of the key, its type and its value."""
    for name, value in environ.items():
        if not name.startswith(_PREFIX):
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
    """The text of the file that a variable names; raises SettingsError naming the variable."""
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        unreadable = Reason.of("settings.value_unreadable", path=path, error=str(error))
        raise SettingsError(of_variable(name, unreadable)) from None
    if not text:
        raise SettingsError(of_variable(name, Reason.of("settings.value_empty", path=path)))
    return text


def _type_of(parts: list[str]) -> Any:
    """The type of a key or table; None when no key or table has that name."""
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
    # A text may start with a bracket, too: [::1]:5066.
    if value[:1] in ("[", "{") and takes not in (str, SecretStr):
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            no_json = Reason.of("settings.no_json", error=str(error))
            raise SettingsError(of_variable(name, no_json)) from None
    return value
