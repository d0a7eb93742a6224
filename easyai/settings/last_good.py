"""The copy of the last text of the settings file that had no mistake.

``easyai up`` keeps the copy in the data folder for the processes that it starts again while the
file has a mistake. The first line of the copy names the file, so that no other installation takes
it (docs/decisions/0031-last-good-settings.md).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from easyai.system.secret_file import replace

#: The name of the copy in the data folder.
COPY_NAME: Final = "settings.good.toml"
#: Stands in a fault for which all settings are those of the copy.
TAKEN: Final = "the last good settings are taken from"
#: By this variable ``easyai up`` names the copy to its children; to the one whose second variable
#: is 1, for it to renew the copy.
COPY_VARIABLE: Final = "EASYAI_GOOD_SETTINGS"
RENEWS_VARIABLE: Final = "EASYAI_RENEW_GOOD_SETTINGS"


def keep(copy: Path, path: Path, text: str) -> bool:
    """Make `copy` the last good text of the file at `path`, for its owner only: it has secrets.

    A file that has been emptied (a full disk, an editor in between) is no good text: False.
    Raises OSError when the copy cannot be written; the old copy is whole then.
    """
    if not text.strip():
        return False
    replace(copy, (_first_line(path) + text).encode())
    return True


def kept(copy: Path, path: Path) -> str | None:
    """The last good text of the file at `path`; None where `copy` has none of it."""
    try:
        text = copy.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    first = _first_line(path)
    return text.removeprefix(first) if text.startswith(first) else None


def taken(copy: Path | None) -> str:
    """What to add to a mistake when the copy holds in its place."""
    return f"{TAKEN} {copy}"


def _first_line(path: Path) -> str:
    # The folder may be reached by several names; a link to the file itself may change its end.
    return f"# The last good text of {json.dumps(str(path.parent.resolve() / path.name))}\n"
