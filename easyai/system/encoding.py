"""Names of files are UTF-8, whatever the locale says.

Cameras, services and the bus write names in UTF-8. Python takes the names of files in the encoding
of the locale: on a server with a GBK locale every Chinese folder would get another name, or none.
Python's UTF-8 mode (PEP 540) switches that off.
"""

from __future__ import annotations

import codecs
import locale
import os
import sys
from typing import Final

from easyai.errors import SettingsError

#: Python's own variable; a process and all that it starts work in UTF-8 mode.
VARIABLE: Final = "PYTHONUTF8"


def names_are_utf8() -> bool:
    """Whether this process takes the names of files as UTF-8."""
    return sys.getfilesystemencoding().lower() == "utf-8"


def require_utf8() -> None:
    """Raise SettingsError naming the remedy when names of files are not taken as UTF-8."""
    if not names_are_utf8():
        raise SettingsError(
            f"names of files would be read as {sys.getfilesystemencoding()}, the encoding of this "
            f"locale, and folders with Chinese names would never be found; set {VARIABLE}=1 in the "
            "environment of this process and start it again"
        )


def restart_in_utf8_mode() -> None:
    """Replace this program by itself in UTF-8 mode; returns when names are UTF-8 already.

    Raises SettingsError when the command line itself switches that mode off.
    """
    if names_are_utf8():
        return
    if "utf8" in sys._xoptions:  # -X utf8=0 stands behind ours and wins
        require_utf8()
    os.putenv(VARIABLE, "1")
    command = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
    os.execv(command[0], command)  # noqa: S606  # our own interpreter, no shell


def text_encoding() -> str:
    """The encoding of text for people: the locale's, UTF-8 where that knows ASCII only."""
    try:
        name = codecs.lookup(locale.getencoding()).name
    except LookupError:  # a locale that Python does not know
        return "utf-8"
    return "utf-8" if name == "ascii" else name
