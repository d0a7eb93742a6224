"""Settings for those who look at an installation that nothing can be started with."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from easyai.errors import SettingsError
from easyai.settings.addresses import check_broker, check_database
from easyai.settings.explain import explain
from easyai.settings.file import config_path, is_named, overlay, parse, read
from easyai.settings.last_good import COPY_NAME, kept, taken
from easyai.settings.schema import Settings

_NAME_THE_DATABASE: Final = frozenset({"database_url", "data_dir"})


def load_in_part(path: Path | None = None) -> tuple[Settings, str]:
    """As `load`, with the defaults in place of what does not fit; and what that is, or ''.

    For those who look at what nothing can be started with; logs nothing. A file that cannot be read
    as TOML, or has been emptied, is replaced by the last good one of ``easyai up``, looked for in
    EASYAI_DATA_DIR, else in ./data. Raises SettingsError when there is none, and the environment
    does not name the database either.
    """
    path = path or config_path()
    raw: dict[str, Any] = {}
    unread = misnamed = ""
    copied = False
    copy = Path(os.environ.get("EASYAI_DATA_DIR") or "data") / COPY_NAME
    if path:
        try:
            raw = parse(path, read(path, copy))
            misnamed = _database_fault(raw)
            unread = misnamed and f"{path}: {misnamed}"
        except SettingsError as error:
            unread = str(error)
        if unread:
            raw, text = {}, kept(copy, path)
            if text is not None:
                with suppress(SettingsError):  # changed by hand: as if there were none
                    raw, copied = parse(path, text), True
                    unread += f"; {taken(copy)}"
    overlay(raw, os.environ)
    settings, faults = _what_fits(raw)
    named = not misnamed and settings.easyai.model_fields_set & _NAME_THE_DATABASE
    if unread and not copied and not named:
        raise SettingsError(unread)
    check_database(settings.easyai.database_url)  # of a variable, or the copy
    where = f"{path}: " if path and faults else ""
    return settings, unread or where + faults


def of_variables() -> Settings:
    """What the environment says by itself, with the defaults in place of what does not fit."""
    raw: dict[str, Any] = {}
    overlay(raw, os.environ)
    return _what_fits(raw)[0]


def _database_fault(raw: dict[str, Any]) -> str:
    """Why the database that a file names cannot be; '' where it can, or a variable counts."""
    own = raw.get("easyai", {})
    url = own.get("database_url", "") if isinstance(own, dict) else own
    if "EASYAI_DATABASE_URL" not in os.environ and not is_named("EASYAI_DATABASE_URL", os.environ):
        try:
            check_database(url)
        except SettingsError as error:
            return str(error)
    return ""


def _what_fits(raw: dict[str, Any]) -> tuple[Settings, str]:
    faults = ""
    while True:
        try:
            settings = Settings.model_validate(raw)
            check_broker(settings.easyai.broker_url)
        except ValidationError as error:
            faults = faults or explain(error)
            _drop(raw, error.errors()[0]["loc"])
        except SettingsError as error:
            faults = "; ".join(filter(None, (faults, str(error))))
            _drop(raw, ("easyai", "broker_url"))
        else:
            return settings, faults


def _drop(raw: Any, place: tuple[int | str, ...]) -> None:
    """Remove a value, so that its default holds; the end of a place may name a type instead."""
    found: list[tuple[Any, int | str]] = []
    for part in place:
        if not _holds(raw, part):
            break
        found.append((raw, part))
        raw = raw[part]
    table, key = found[-1]
    del table[key]


def _holds(table: Any, part: int | str) -> bool:
    return part in table if isinstance(table, dict) else isinstance(table, list)
