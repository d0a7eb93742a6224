"""The only reader of the configuration file and the environment.

The file is the operators' TOML (contract, section 6). Every key has an environment variable that
wins over the file: ``EASYAI_AI_ANALYSIS__SCAN_INTERVAL_SEC`` for a key of a section, and for our
own table ``[easyai]`` the short form ``EASYAI_DATABASE_URL``. ``EASYAI_CONFIG`` names the file.

``easyai up`` names to its children the copy of the last good file, and one of them renews it
(settings/file.py).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from easyai.errors import SettingsError
from easyai.settings import file as settings_file
from easyai.settings.addresses import check_broker, check_database, check_length
from easyai.settings.explain import Unknown, explain, unknown_keys
from easyai.settings.file import COPY_VARIABLE, RENEWS_VARIABLE, config_path
from easyai.settings.partial import load_in_part
from easyai.settings.schema import Settings
from easyai.settings.variables import overlay

log = logging.getLogger(__name__)

_PLACES = (
    *(f"easyai.{key}" for key in ("database_url", "broker_url", "data_dir", "host", "port")),
    "defaulthttpconfig.httplistenaddr",
)


def load(path: Path | None = None) -> Settings:
    """Read file and environment.

    Raises SettingsError naming the key and what it takes, unless ``easyai up`` has left the last
    good file: then that one holds, and the log says so. Keys nobody here knows are logged in one
    line and ignored, those that look like one of ours in a warning each.
    """
    settings, _ = _load_or_last_good(path or config_path())
    return settings


def _load_or_last_good(path: Path | None) -> tuple[Settings, str]:
    """The settings and why they are not what the file says, or ''."""
    try:
        settings, unknown = _load_and_renew(path)
    except SettingsError as error:
        copy = _copy()
        good = _last_good(path, copy)
        if good is None:
            raise
        fault = f"{error}; {settings_file.taken(copy)}"
        log.error("settings: %s", fault)  # noqa: TRY400 - the mistake is the operator's
        return good, fault
    others = [one.key for one in unknown if not one.meant]
    if others:
        log.info("settings keys of other plugins ignored: %s", ", ".join(others))
    _tell_misspelt(unknown)
    return settings, ""


def load_with_unknown(path: Path | None = None) -> tuple[Settings, list[Unknown]]:
    """What the file says and nothing else, with its keys that are not ours; logs nothing.

    Raises SettingsError naming the key and what it takes.
    """
    path = path or config_path()
    return _understood(path, settings_file.read(path) if path else "")


def keep_copy(copy: Path, path: Path) -> bool:
    """Make `copy` the last good text of the file at `path`; False when the file is empty.

    Raises SettingsError when the file has a mistake, OSError when the copy cannot be written.
    """
    text = settings_file.read(path)
    _understood(path, text)
    return settings_file.keep(copy, path, text)


def _load_and_renew(path: Path | None) -> tuple[Settings, list[Unknown]]:
    copy = _copy()
    text = settings_file.read(path, copy) if path else ""
    found = _understood(path, text)
    if path and copy and os.environ.get(RENEWS_VARIABLE) == "1":
        try:
            settings_file.keep(copy, path, text)
        except OSError as error:
            log.warning("settings: the last good ones cannot be kept in %s: %s", copy, error)
    return found


def _copy() -> Path | None:
    name = os.environ.get(COPY_VARIABLE, "")
    return Path(name) if name else None


def _last_good(path: Path | None, copy: Path | None) -> Settings | None:
    text = settings_file.kept(copy, path) if path and copy else None
    if text is None:
        return None
    try:
        return _understood(path, text)[0]
    except SettingsError:
        return None  # the mistake is in a variable


def _understood(path: Path | None, text: str) -> tuple[Settings, list[Unknown]]:
    raw = settings_file.parse(path, text) if path else {}
    unknown = list(unknown_keys(raw))
    if os.environ.get("EASYAI_SUPERVISED") == "1":
        _check_named(path, raw)
    overlay(raw, os.environ)
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        where = f"{path}: " if path else ""
        raise SettingsError(where + explain(error)) from None
    own = settings.easyai
    check_database(own.database_url)
    check_broker(own.broker_url)
    if not own.database_url:
        file = own.effective_database_url.partition(":///")[2]
        check_length(file, "easyai.data_dir", "choose a folder with a shorter path")
    return settings, unknown


def _check_named(path: Path | None, raw: dict[str, Any]) -> None:
    """Refuse what the variables of ``easyai up`` hide: its next start could not take it."""
    own = raw.get("easyai")
    named = own if isinstance(own, dict) else {}
    urls = [named.get(key, "") for key in ("broker_url", "database_url")]
    if not all(isinstance(url, str) for url in urls):
        raise SettingsError(f"{path}: easyai.broker_url and easyai.database_url: each takes a text")
    check_database(urls[1])
    check_broker(urls[0])
    hidden = {key: named[key] for key in ("host", "port", "data_dir") if key in named}
    try:
        Settings.model_validate({"easyai": hidden})
    except ValidationError as error:
        raise SettingsError(f"{path}: {explain(error)}") from None


class SettingsSource:
    """The settings in force: read again when the file changes.

    A file that does not parse keeps the old values and is logged, again every alarm_repeat_sec; at
    the start it leaves those of the last good file, where ``easyai up`` has kept it. Safe between
    threads.
    """

    CHECK_EVERY_SEC = 1.0

    def __init__(self, path: Path | None = None, *, in_part: bool = False) -> None:
        """Read them, as `load` or with `in_part` as `load_in_part` does."""
        self._path = path or config_path()
        self._lock = threading.Lock()
        self._signature = self._seen = self._stat()
        self._fault = ""
        self._at_start = self._places()
        if in_part:
            self._settings, self._fault = load_in_part(self._path)
        else:
            self._settings, self._fault = _load_or_last_good(self._path)
        self._checked_at = self._told_at = time.monotonic()

    def current(self) -> Settings:
        """The settings in force now; costs one ``stat`` a second at most."""
        if time.monotonic() - self._checked_at < self.CHECK_EVERY_SEC:
            return self._settings
        with self._lock:
            self._checked_at = time.monotonic()
            signature = self._stat()
            # An empty file counts at the second look: it may be about to be written.
            empty = signature is not None and signature[1] == 0
            if signature != self._signature and (not empty or signature == self._seen):
                self._signature = signature
                self._reload()
            self._seen = signature
            self._remind()
        return self._settings

    @property
    def fault(self) -> str:
        """Why what the file says now is not in force; '' when it is."""
        self.current()
        return self._fault

    def _remind(self) -> None:
        """Tell a mistake that stays, as often as an alarm that goes on."""
        if not self._fault:
            return
        if self._checked_at - self._told_at >= self._settings.ai_analysis.alarm_repeat_sec:
            self._told_at = self._checked_at
            log.error("settings: what the file says is still not in force: %s", self._fault)

    def _reload(self) -> None:
        self._told_at = self._checked_at
        try:
            self._settings, unknown = _load_and_renew(self._path)
        except SettingsError as error:
            self._fault = str(error)
            log.error("settings not reloaded, the old values stay in force: %s", error)  # noqa: TRY400
        else:
            self._fault = ""
            log.info("settings reloaded from %s", self._path)
            _tell_misspelt(unknown)
            self._tell_places()

    def _tell_places(self) -> None:
        now = self._places()
        changed = [key for key in _PLACES if now.get(key) != self._at_start.get(key)]
        if changed:
            named = ", ".join(changed)
            log.warning("settings: %s changed: in force once all of easyai is restarted", named)

    def _places(self) -> dict[str, Any]:
        """What the file names of the places that nobody moves to while running."""
        if self._path is None:
            return {}
        try:
            raw = settings_file.parse(self._path, settings_file.read(self._path))
        except SettingsError:
            return {}
        named = {}
        for place in _PLACES:
            table, _, key = place.partition(".")
            if isinstance(raw.get(table), dict) and key in raw[table]:
                named[place] = raw[table][key]
        return named

    def _stat(self) -> tuple[int, int, int] | None:
        if self._path is None:
            return None
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def _tell_misspelt(unknown: list[Unknown]) -> None:
    for one in unknown:
        if one.meant:
            log.warning("settings: %s", one.warning())
