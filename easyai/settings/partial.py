"""Settings for commands that only read, on an installation whose settings have a mistake."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from easyai.domain.reason import NO_REASON, Reason
from easyai.errors import SettingsError
from easyai.settings.addresses import check_broker, check_database
from easyai.settings.explain import explain
from easyai.settings.faults import in_file
from easyai.settings.file import config_path, is_named, overlay, parse, read
from easyai.settings.last_good import COPY_NAME, kept, taken
from easyai.settings.schema import Settings

_NAME_THE_DATABASE: Final = frozenset({"database_url", "data_dir"})


def load_in_part(path: Path | None = None) -> tuple[Settings, Reason]:
    """The settings as `load` gives them, with defaults for values that do not fit; and the fault.

    For commands that only read; NO_REASON without a mistake; logs nothing. If the file is no
    TOML or has been emptied, the last good copy of ``easyai up`` replaces it; the copy is looked
    for in EASYAI_DATA_DIR, else in ./data. Raises SettingsError when there is no copy and the
    environment does not name the database either.
    """
    path = path or config_path()
    raw: dict[str, Any] = {}
    unread = misnamed = NO_REASON
    copied = False
    copy = Path(os.environ.get("EASYAI_DATA_DIR") or "data") / COPY_NAME
    if path:
        try:
            raw = parse(path, read(path, copy))
            misnamed = _database_fault(raw)
            unread = in_file(path, misnamed) if misnamed else NO_REASON
        except SettingsError as error:
            unread = error.reason
        if unread:
            raw, text = {}, kept(copy, path)
            if text is not None:
                with suppress(SettingsError):  # an invalid copy (edited by hand) counts as missing
                    raw, copied = parse(path, text), True
                    unread = taken(unread, copy)
    overlay(raw, os.environ)
    settings, faults = _valid_part(raw)
    named = not misnamed and settings.easyai.model_fields_set & _NAME_THE_DATABASE
    if unread and not copied and not named:
        raise SettingsError(unread)
    check_database(settings.easyai.database_url)  # from a variable or from the copy
    return settings, unread or (in_file(path, *faults) if faults else NO_REASON)


def of_variables() -> Settings:
    """The settings of the environment alone, with defaults for values that do not fit."""
    raw: dict[str, Any] = {}
    with suppress(SettingsError):  # a variable that cannot be read sets nothing
        overlay(raw, os.environ)
    return _valid_part(raw)[0]


def _database_fault(raw: dict[str, Any]) -> Reason:
    """Why the file's database cannot be used; no reason when it can, or when a variable sets it."""
    own = raw.get("easyai", {})
    url = own.get("database_url", "") if isinstance(own, dict) else own
    if "EASYAI_DATABASE_URL" not in os.environ and not is_named("EASYAI_DATABASE_URL", os.environ):
        try:
            check_database(url)
        except SettingsError as error:
            return error.reason
    return NO_REASON


def _valid_part(raw: dict[str, Any]) -> tuple[Settings, tuple[Reason, ...]]:
    faults: tuple[Reason, ...] = ()
    while True:
        try:
            settings = Settings.model_validate(raw)
            check_broker(settings.easyai.broker_url)
        except ValidationError as error:
            faults = faults or explain(error)
            _drop(raw, error.errors()[0]["loc"])
        except SettingsError as error:
            faults = (*faults, error.reason)
            _drop(raw, ("easyai", "broker_url"))
        else:
            return settings, faults


def _drop(raw: Any, place: tuple[int | str, ...]) -> None:
    """Remove a value, so that its default holds; the end of a place may name a type instead."""
    holders: list[tuple[Any, int | str]] = []
    for part in place:
        if not _holds(raw, part):
            break
        holders.append((raw, part))
        raw = raw[part]
    table, key = holders[-1]
    del table[key]


def _holds(table: Any, part: int | str) -> bool:
    return part in table if isinstance(table, dict) else isinstance(table, list)
