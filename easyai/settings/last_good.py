"""The copy of the last text of the settings file that had no mistake.

``easyai up`` keeps the copy in the data folder. It serves processes that are restarted while the
file has a mistake. The first line of the copy names the file, so that no other installation uses
the copy (docs/decisions/0032-last-good-settings.md).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from easyai.domain.reason import Reason, quote
from easyai.system.secret_file import replace

#: The name of the copy in the data folder.
COPY_NAME: Final = "settings.good.toml"
#: The code of a fault while all settings are the copy's.
LAST_GOOD: Final = "settings.last_good"
#: ``easyai up`` names the copy to its children in the first variable. The child whose second
#: variable is 1 renews the copy.
COPY_VARIABLE: Final = "EASYAI_GOOD_SETTINGS"
RENEWS_VARIABLE: Final = "EASYAI_RENEW_GOOD_SETTINGS"


def keep(copy: Path, path: Path, text: str) -> bool:
    """Make `copy` the last good text of the file at `path`, for its owner only: it has secrets.

    Returns False for an empty file (a full disk, an editor that is saving): it is no good text.
    Raises OSError when the copy cannot be written; the old copy then stays whole.
    """
    if not text.strip():
        return False
    replace(copy, (_first_line(path) + text).encode())
    return True


def kept(copy: Path, path: Path) -> str | None:
    """The last good text of the file at `path`; None when `copy` has no text of that file."""
    try:
        text = copy.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    first = _first_line(path)
    return text.removeprefix(first) if text.startswith(first) else None


def taken(fault: Reason, copy: Path | None) -> Reason:
    """The fault while the settings of the copy are in force instead."""
    return Reason.of(LAST_GOOD, fault=fault, copy=quote(str(copy)))


def _first_line(path: Path) -> str:
    # Several paths may lead to the folder; a link at the file itself may change its target.
    return f"# The last good text of {json.dumps(str(path.parent.resolve() / path.name))}\n"
