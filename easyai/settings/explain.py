"""Reasons about a settings file: about unknown keys, and about values that do not fit.

Keys are spelled as in TOML; entries of a list count from 1. The reasons hold no secret.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from easyai.domain.reason import Reason
from easyai.settings.faults import of_key, why
from easyai.settings.left_behind import SECTIONS, instead_of
from easyai.settings.schema import CameraTask, FrameExtractor, Settings, TaskTypeSettings
from easyai.settings.schema_table import is_table

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
# How similar a key must be to our keys; a lower limit in tables that only we use.
_ALIKE: Final = 0.75
_ALIKE_AMONG_OTHERS: Final = 0.8
_SHARED_TABLES: Final = (Settings, FrameExtractor)

# Parts of the names of keys whose values are never shown.
_SECRET_KEYS: Final = ("secret", "key", "token", "password", "url", "address")
_MOST_FAULTS: Final = 20  # in one reason, which also goes into tables and mails


def _takes(kind: str, example: Any) -> Reason:
    return Reason.of("settings.takes", kind=kind, example=example)


_TAKES: Final = {
    "sampling": Reason("settings.takes_sampling"),
    "types": Reason.of("settings.takes_tables", example='[ai_analysis.types."人数统计"]'),
    "tasks": Reason.of("settings.takes_tables", example="[[frame_extractor.tasks]]"),
    "service_networks": _takes("list", '["192.168.1.0/24"]'),
    "notify_urls": _takes("list", '["mailtos://user:password@example.com"]'),
    "allowed_hosts": _takes("host_names", '["easyai.example.com"]'),
    "task_types": _takes("list", '["人数统计"]'),
}
_LIMITS: Final = {
    "ge": "settings.at_least",
    "gt": "settings.above",
    "le": "settings.at_most",
    "lt": "settings.below",
}


class Unknown(NamedTuple):
    """A key of the file that is not ours."""

    key: str
    meant: str  # our key with almost the same spelling, or ''
    instead: str = ""  # the remedy, for a key of the predecessor

    def warning(self) -> Reason:
        """The warning that the key has no effect, with the key that may be meant."""
        return Reason.of("settings.misspelt", key=self.key, meant=self.meant)


def unknown_keys(
    raw: Mapping[str, Any], model: type[BaseModel] = Settings, above: str = ""
) -> Iterator[Unknown]:
    """The keys of the file that are not ours, in the order of the file.

    Returns a key of a list of tables (``tasks[].rtsp_url``) only once.
    """
    for key, value in raw.items():
        name, field = above + _spelled(key), model.model_fields.get(key)
        if field is None:
            yield from _not_ours(name, value, _meant(key, model, above))
        elif key == "tasks" and isinstance(value, list):
            tables = (table for table in value if isinstance(table, dict))
            unknown = (
                entry for table in tables for entry in unknown_keys(table, CameraTask, f"{name}[].")
            )
            yield from dict.fromkeys(unknown)
        elif not isinstance(value, dict):
            continue
        elif is_table(field.annotation):
            yield from unknown_keys(value, field.annotation, f"{name}.")
        elif key == "types":
            for task_type, table in value.items():
                if isinstance(table, dict):
                    inside = f"{name}.{_spelled(task_type)}."
                    yield from unknown_keys(table, TaskTypeSettings, inside)


def _not_ours(name: str, value: Any, meant: str) -> Iterator[Unknown]:
    if name.lower() in SECTIONS and isinstance(value, dict):
        names = [f"{name}.{_spelled(key)}" for key in value]
        yield from (Unknown(unknown_key, "", instead_of(unknown_key)) for unknown_key in names)
        return
    instead = instead_of(name)
    yield Unknown(name, "" if instead else meant, instead)


def explain(error: ValidationError) -> tuple[Reason, ...]:
    """The first values that do not fit: for each key, the values it takes and the value it got."""
    faults: dict[str, Reason] = {}  # by key: a key with two possible types has an error for each
    for item in error.errors():
        key, name = _place(item["loc"])
        faults.setdefault(
            key, of_key(key, _with_value(key, item["input"], _fault(item, key, name)))
        )
    shown, left = list(faults.values())[:_MOST_FAULTS], len(faults) - _MOST_FAULTS
    return (*shown, Reason.of("settings.more_faults", n=left)) if left > 0 else tuple(shown)


def _meant(key: str, model: type[BaseModel], above: str) -> str:
    alike = _ALIKE_AMONG_OTHERS if model in _SHARED_TABLES else _ALIKE
    close = difflib.get_close_matches(key, list(model.model_fields), n=1, cutoff=alike)
    return above + close[0] if close else ""


def _spelled(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _place(loc: tuple[int | str, ...]) -> tuple[str, str]:
    """The key as in TOML, and its last name."""
    model: Any = Settings
    place = name = ""
    for part in loc:
        if isinstance(part, int):
            place, model = f"{place} number {part + 1}", _inner(model)
        elif is_table(model):
            field = model.model_fields[part]
            separator = ", " if " number " in place else "." if place else ""
            place, name, model = f"{place}{separator}{_spelled(part)}", part, field.annotation
        elif getattr(model, "__origin__", None) is dict:
            place, model = f"{place}.{_spelled(part)}", _inner(model)
        # Any other part names a type that the key may have.
    return place, name


def _inner(model: Any) -> Any:
    """The type of the entries of a list or of a dict."""
    return next((inner for inner in getattr(model, "__args__", ()) if is_table(inner)), None)


def _fault(item: ErrorDetails, key: str, name: str) -> Reason:
    kind, context = item["type"], item.get("ctx", {})
    if kind == "value_error":
        return why(context["error"])
    of_the_key = item["loc"][-1] == name or name == "sampling"
    if of_the_key and name in _TAKES:
        return _TAKES[name]
    for limit, code in _LIMITS.items():
        if limit in context:
            return Reason.of(code, limit=context[limit])
    if kind == "literal_error":
        values = tuple(re.findall(r"'[^']*'", context["expected"]))
        return Reason.of("settings.takes_one_of", values=values)
    if kind == "model_type":
        return _TAKES.get(name, Reason.of("settings.takes_table", example=f"[{key}]"))
    return _takes_value(kind.partition("_")[0], _default(item["loc"]), item["msg"])


def _takes_value(family: str, default: Any, message: str) -> Reason:
    if family == "bool":
        return Reason("settings.takes_bool")
    if family == "int":
        return _takes(family, default or 100)
    if family == "float":
        return _takes(family, default or 1.5)
    if family == "string":
        return _takes(family, '"text"')
    if family == "path":
        return _takes(family, f'"{default}"')
    return Reason.of("settings.not_valid", error=message)


def _default(loc: tuple[int | str, ...]) -> Any:
    model: Any = Settings
    default = None
    for part in loc:
        if is_table(model) and isinstance(part, str):
            field = model.model_fields[part]
            model, default = field.annotation, field.default
        else:
            return None
    return default


def _with_value(key: str, value: Any, fault: Reason) -> Reason:
    """The fault with the value from the file, unless the value is or may hold a secret."""
    plain = isinstance(value, str | int | float | bool)
    if not plain or any(word in key for word in _SECRET_KEYS) or "@" in str(value):
        return fault
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return Reason.of("settings.got", fault=fault, value=shown)
