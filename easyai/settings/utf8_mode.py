"""Makes file names UTF-8, whatever the locale.

Cameras, services and the bus write names in UTF-8. Python reads file names in the encoding of the
locale: on a server with a GBK locale every Chinese folder would get another name, or no name.
Python's UTF-8 mode (PEP 540) always uses UTF-8.
"""

from __future__ import annotations

import os
import sys
from typing import Final

from easyai.domain.reason import Reason
from easyai.errors import SettingsError

#: Python's own variable; the process and all processes that it starts work in UTF-8 mode.
VARIABLE: Final = "PYTHONUTF8"


def names_are_utf8() -> bool:
    """Whether this process reads file names as UTF-8."""
    return sys.getfilesystemencoding().lower() == "utf-8"


def require_utf8() -> None:
    """Raise SettingsError naming the remedy when file names are not read as UTF-8."""
    if not names_are_utf8():
        encoding = sys.getfilesystemencoding()
        raise SettingsError(
            Reason.of("settings.names_not_utf8", encoding=encoding, variable=VARIABLE)
        )


def restart_in_utf8_mode() -> None:
    """Replace this program by itself in UTF-8 mode; returns when names are UTF-8 already.

    Raises SettingsError when the command line switches UTF-8 mode off.
    """
    if names_are_utf8():
        return
    if "utf8" in sys._xoptions:  # -X utf8=0 would stand behind our option and win
        require_utf8()
    os.putenv(VARIABLE, "1")
    command = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
    os.execv(command[0], command)  # noqa: S606  # our own interpreter, no shell
