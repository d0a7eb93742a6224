"""The only reader of the configuration file and the environment.

The file is the operators' TOML (contract, section 6). Every key has an environment variable that
wins over the file: ``EASYAI_AI_ANALYSIS__SCAN_INTERVAL_SEC`` for a key of a section, and for our
own table ``[easyai]`` the short form ``EASYAI_DATABASE_URL``. ``EASYAI_CONFIG`` names the file.

``easyai up`` names the copy of the last good file to its children, and a single child renews
the copy (settings/last_good.py).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from easyai.domain.reason import NO_REASON, Reason
from easyai.errors import SettingsError
from easyai.messages.catalogue import text as worded
from easyai.settings.addresses import check_broker, check_database, check_length
from easyai.settings.explain import Unknown, explain, unknown_keys
from easyai.settings.faults import in_file
from easyai.settings.file import config_path, overlay, parse, read
from easyai.settings.last_good import COPY_VARIABLE, RENEWS_VARIABLE, keep, kept, taken
from easyai.settings.partial import load_in_part
from easyai.settings.schema import Settings
from easyai.system.log_throttle import LogThrottle

log = logging.getLogger(__name__)

#: Keys of [easyai] that `easyai up` sets by variables for the processes that it starts.
_SET_BY_UP: Final = ("database_url", "broker_url", "data_dir", "host", "port")
_PLACES: Final = (
    *(("easyai", key) for key in _SET_BY_UP),
    ("defaulthttpconfig", "httplistenaddr"),
)


class _Understood(NamedTuple):
    """The settings that the text of a file and the variables give."""

    settings: Settings
    unknown: list[Unknown]
    places: dict[str, Any]  # values in the file of keys that take effect only after a restart


def variables() -> Mapping[str, str]:
    """The environment of this process."""
    return os.environ


def load(path: Path | None = None) -> Settings:
    """Read file and environment.

    Raises SettingsError naming the key and its valid values. If ``easyai up`` has kept a last good
    file, that file is used instead, with a log line. Unknown keys are ignored and logged in a
    single line; a key that looks like our key gets a warning of its own.
    """
    understood, _ = _load_or_last_good(path or config_path())
    return understood.settings


def load_with_unknown(path: Path | None = None) -> tuple[Settings, list[Unknown]]:
    """The settings of file and variables, never of the copy, and the unknown keys; logs nothing.

    Raises SettingsError naming the key and its valid values.
    """
    path = path or config_path()
    understood = _understood(path, read(path) if path else "")
    return understood.settings, understood.unknown


def keep_copy(copy: Path, path: Path) -> bool:
    """Make `copy` the last good text of the file at `path`; False when the file is empty.

    Raises SettingsError when the file has a mistake, OSError when the copy cannot be written.
    """
    text = read(path)
    _understood(path, text)
    return keep(copy, path, text)


def _load_or_last_good(path: Path | None) -> tuple[_Understood, Reason]:
    """The settings, and why they differ from the file, or NO_REASON."""
    try:
        understood = _load_and_renew(path)
    except SettingsError as error:
        copy = _copy()
        good = _last_good(path, copy)
        if good is None:
            raise
        fault = taken(error.reason, copy)
        log.error("settings: %s", worded(fault))  # noqa: TRY400 - the mistake is the operator's
        return good, fault
    others = [entry.key for entry in understood.unknown if not entry.meant]
    if others:
        log.info("settings keys of other plugins ignored: %s", ", ".join(others))
    _warn_of_misspelt(understood.unknown)
    return understood, NO_REASON


def _load_and_renew(path: Path | None) -> _Understood:
    copy = _copy()
    text = read(path, copy) if path else ""
    understood = _understood(path, text)
    if path and copy and os.environ.get(RENEWS_VARIABLE) == "1":
        try:
            keep(copy, path, text)
        except OSError as error:
            log.warning("settings: the last good settings cannot be kept in %s: %s", copy, error)
    return understood


def _copy() -> Path | None:
    name = os.environ.get(COPY_VARIABLE, "")
    return Path(name) if name else None


def _last_good(path: Path | None, copy: Path | None) -> _Understood | None:
    text = kept(copy, path) if path and copy else None
    if text is None:
        return None
    try:
        return _understood(path, text)
    except SettingsError:
        return None  # the mistake is in a variable


def _understood(path: Path | None, text: str) -> _Understood:
    raw = parse(path, text) if path else {}
    unknown = list(unknown_keys(raw))
    tables = {name: table for name, table in raw.items() if isinstance(table, dict)}
    places = {f"{name}.{key}": tables.get(name, {}).get(key) for name, key in _PLACES}
    if os.environ.get("EASYAI_SUPERVISED") == "1":
        # Also check values that the variables of `easyai up` hide: its next start will use them.
        named = tables.get("easyai", {})
        _validated(path, {"easyai": {key: named[key] for key in _SET_BY_UP if key in named}})
    overlay(raw, os.environ)
    settings = _validated(path, raw)
    own = settings.easyai
    if not own.database_url:
        file = own.effective_database_url.partition(":///")[2]
        check_length(file, "easyai.data_dir")
    return _Understood(settings, unknown, places)


def _validated(path: Path | None, raw: dict[str, Any]) -> Settings:
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        raise SettingsError(in_file(path, *explain(error))) from None
    check_database(settings.easyai.database_url)
    check_broker(settings.easyai.broker_url)
    return settings


class SettingsSource:
    """The settings in force: read again when the file changes.

    When the file does not parse, the old values stay and the error is logged, again every
    alarm_repeat_sec; at the start the last good file is used, if ``easyai up`` has kept it. Safe
    between threads.
    """

    CHECK_EVERY_SEC = 1.0

    def __init__(self, path: Path | None = None, *, in_part: bool = False) -> None:
        """Read the settings as `load` does, or with `in_part` as `load_in_part` does."""
        self._path = path or config_path()
        self._lock = threading.Lock()
        self._signature = self._seen = self._stat()
        self._at_start: dict[str, Any] = {}  # empty when the file is read in part
        if in_part:
            self._settings, self._fault = load_in_part(self._path)
        else:
            understood, self._fault = _load_or_last_good(self._path)
            self._settings, self._at_start = understood.settings, understood.places
        self._checked_at = time.monotonic()
        self._begin_reminding()

    def current(self) -> Settings:
        """The settings in force now; costs a ``stat`` a second at most."""
        if time.monotonic() - self._checked_at < self.CHECK_EVERY_SEC:
            return self._settings
        with self._lock:
            self._checked_at = time.monotonic()
            signature = self._stat()
            # An empty file counts only at the second check: an editor may be about to write it.
            empty = signature is not None and signature[1] == 0
            if signature != self._signature and (not empty or signature == self._seen):
                self._signature = signature
                self._reload()
            self._seen = signature
            self._remind()
        return self._settings

    @property
    def fault(self) -> Reason:
        """Why the file's present text is not in force; NO_REASON when it is in force."""
        self.current()
        return self._fault

    def _remind(self) -> None:
        """Log a mistake that stays, as often as an alarm that goes on."""
        if self._fault and self._reminder.due():
            fault = worded(self._fault)
            log.error("settings: the changed file is still not in force: %s", fault)

    def _begin_reminding(self) -> None:
        self._reminder = LogThrottle(self._settings.ai_analysis.alarm_repeat_sec)
        self._reminder.due()  # the mistake itself has just been logged

    def _reload(self) -> None:
        try:
            understood = _load_and_renew(self._path)
        except SettingsError as error:
            self._fault = error.reason
            log.error("settings not reloaded, the old values stay in force: %s", error)  # noqa: TRY400
        else:
            self._settings, self._fault = understood.settings, NO_REASON
            log.info("settings reloaded from %s", self._path)
            _warn_of_misspelt(understood.unknown)
            self._warn_of_places(understood.places)
        self._begin_reminding()

    def _warn_of_places(self, now: dict[str, Any]) -> None:
        changed = [key for key, named in now.items() if named != self._at_start.get(key, named)]
        if changed:
            names = ", ".join(changed)
            log.warning(
                "settings: %s changed: this takes effect once all of easyai is restarted", names
            )

    def _stat(self) -> tuple[int, int, int] | None:
        if self._path is None:
            return None
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def _warn_of_misspelt(unknown: list[Unknown]) -> None:
    for entry in unknown:
        if entry.meant:
            log.warning("settings: %s", worded(entry.warning()))
