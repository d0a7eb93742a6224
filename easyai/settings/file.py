"""The text of the settings file, and the copy of the last text without a mistake.

``easyai up`` keeps the copy in the data folder for the processes that it starts again while the
file has a mistake. Its first line names the file, so that no other installation takes it.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Final

import tomli

from easyai.errors import SettingsError

_PATHS: Final = (("easyai", "data_dir"), ("frame_extractor", "output_dir"))
_SQLITE: Final = re.compile(r"(sqlite(?:\+\w+)?:///)([^/:?][^?]*)(.*)")

#: The name of the copy in the data folder.
COPY_NAME: Final = "settings.good.toml"
#: Stands in a fault for which all settings are those of the copy.
TAKEN: Final = "the last good settings are taken from"
#: By this variable ``easyai up`` names the copy to its children; to the one whose second variable
#: is 1, for it to renew the copy.
COPY_VARIABLE: Final = "EASYAI_GOOD_SETTINGS"
RENEWS_VARIABLE: Final = "EASYAI_RENEW_GOOD_SETTINGS"


def read(path: Path, copy: Path | None = None) -> str:
    """The text of the file; raises SettingsError when it is gone or no text.

    Also when it is empty, and its last good text, kept in `copy`, is not: by a full disk, or an
    editor that is about to write it. The defaults would be another installation.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file; set EASYAI_CONFIG to one that exists") from None
    except PermissionError:
        raise SettingsError(
            f"{path}: no permission to read it; run the command as the user who runs easyai, or "
            "let this user read the file and enter its folder"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    if copy and not text.strip() and kept(copy, path):
        raise SettingsError(f"{path}: has been emptied; write the settings again")
    return text


def parse(path: Path, text: str) -> dict[str, Any]:
    """The tables of the text; raises SettingsError naming the place when it is no TOML.

    Paths that are not absolute are those beside the file, whatever folder a command is run in.
    """
    try:
        raw = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from None
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
    """The database's URL; one of an SQLite file that is not absolute names it below `folder`."""
    found = _SQLITE.fullmatch(url)
    return f"{found[1]}{folder / found[2]}{found[3]}" if found else url


def keep(copy: Path, path: Path, text: str) -> bool:
    """Make `copy` the last good text of the file at `path`, for its owner only: it has secrets.

    A file that has been emptied (a full disk, an editor in between) is no good text: False.
    Raises OSError when it cannot be written; the old copy is whole then.
    """
    if not text.strip():
        return False
    _clear_up(copy)
    # Written aside and renamed: a process that starts now sees the whole text.
    draft = copy.with_suffix(f".{os.getpid()}.draft")
    try:
        with open(draft, "w", encoding="utf-8", opener=_for_owner) as file:
            file.write(_first_line(path) + text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(copy)
    finally:
        draft.unlink(missing_ok=True)
    return True


def _clear_up(copy: Path) -> None:
    """Remove the drafts of processes that were killed over them."""
    pattern = re.compile(rf"{re.escape(copy.stem)}\.([0-9]{{1,9}})\.draft")
    for draft in copy.parent.glob("*.draft"):
        found = pattern.fullmatch(draft.name)
        if found and not _runs(int(found[1])):
            draft.unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # not ours to signal
        return True
    return True


def kept(copy: Path, path: Path) -> str | None:
    """The last good text of the file at `path`; None where `copy` has none of it."""
    try:
        text = copy.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    first = _first_line(path)
    return text.removeprefix(first) if text.startswith(first) else None


def config_path() -> Path | None:
    """The file named by ``EASYAI_CONFIG``, or None for defaults only."""
    name = os.environ.get("EASYAI_CONFIG", "")
    return Path(name) if name else None


def taken(copy: Path | None) -> str:
    """What to add to a mistake when the copy holds in its place."""
    return f"{TAKEN} {copy}"


def _first_line(path: Path) -> str:
    # The folder may be reached by several names; a link to the file itself may change its end.
    return f"# The last good text of {json.dumps(str(path.parent.resolve() / path.name))}\n"


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
