"""Sentences about a settings file: about unknown keys, and about values that do not fit.

Keys are spelled as in TOML; entries of a list count from 1. The sentences hold no secret.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from easyai.settings.left_behind import SECTIONS, instead_of
from easyai.settings.schema import CameraTask, FrameExtractor, Settings, TaskTypeSettings
from easyai.settings.schema_table import is_table

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
# How similar a key must be to our keys; a lower limit in tables that only we use.
_ALIKE: Final = 0.75
_ALIKE_AMONG_OTHERS: Final = 0.8
_SHARED_TABLES: Final = (Settings, FrameExtractor)

_TAKES: Final = {
    "sampling": 'takes "auto" or a whole number from 1 to 10000',
    "types": 'takes tables, each written [ai_analysis.types."人数统计"]',
    "tasks": "takes tables, each written [[frame_extractor.tasks]]",
    "service_networks": 'takes a list, such as ["192.168.1.0/24"]',
    "notify_urls": 'takes a list, such as ["mailtos://user:password@example.com"]',
    "allowed_hosts": 'takes a list of host names, such as ["easyai.example.com"]',
    "task_types": 'takes a list, such as ["人数统计"]',
}
_LIMITS: Final = {
    "ge": "must be at least",
    "gt": "must be above",
    "le": "must be at most",
    "lt": "must be below",
}


class Unknown(NamedTuple):
    """A key of the file that is not ours."""

    key: str
    meant: str  # our key with almost the same spelling, or ''
    instead: str = ""  # the remedy, for a key of the predecessor

    def warning(self) -> str:
        """A sentence that the key has no effect, with the key that may be meant."""
        return f"{self.key} is no key of easyai and has no effect; did you mean {self.meant}?"


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


def explain(error: ValidationError) -> str:
    """All values that do not fit: for each key, the values it takes and the value it got."""
    problems: dict[str, str] = {}  # by key: a key with two possible types has an error for each
    for item in error.errors():
        key, name = _place(item["loc"])
        problems.setdefault(key, f"{key}: {_fault(item, key, name)}{_given(key, item['input'])}")
    return "; ".join(problems.values())


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


def _fault(item: ErrorDetails, key: str, name: str) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    of_the_key = item["loc"][-1] == name or name == "sampling"
    if of_the_key and name in _TAKES:
        return _TAKES[name]
    for limit, words in _LIMITS.items():
        if limit in context:
            return f"{words} {context[limit]:.15g}"
    if kind == "literal_error":
        return f"takes {context['expected']}"
    if kind == "model_type":
        return _TAKES.get(name, f"takes a table, written [{key}]")
    return _takes_value(kind.partition("_")[0], _default(item["loc"]), item["msg"])


def _takes_value(family: str, default: Any, message: str) -> str:
    if family == "bool":
        return "takes true or false"
    if family == "int":
        return f"takes a whole number, such as {default or 100}"
    if family == "float":
        return f"takes a number, such as {default or 1.5:g}"
    if family == "string":
        return 'takes a text in quotes, such as "text"'
    if family == "path":
        return f'takes a path in quotes, such as "{default}"'
    return f"is not valid: {message}"


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


def _given(key: str, value: Any) -> str:
    """The value from the file, unless it is or may hold a secret."""
    plain = isinstance(value, str | int | float | bool)
    if not plain or any(word in key for word in ("secret", "key", "url", "address")):
        return ""
    return f" (got {str(value).lower() if isinstance(value, bool) else repr(value)})"
