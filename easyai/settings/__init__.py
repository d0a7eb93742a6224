"""The configuration: every key, the source of its value, and the errors in it.

- ``schema``: the tables, keys, ranges and defaults; all tables are imported from there
- ``source``: ``load`` and ``SettingsSource``, the settings in force
- ``partial``: the settings for commands that only read, on an installation with a mistake
- ``file``, ``last_good``: the text of the file, the variables that win over it, the copy
- ``addresses``, ``server_url``, ``server_tls``: the checks of addresses, and their parts
- ``explain``, ``predecessor``, ``left_behind``: mistakes and unknown keys, in sentences
- ``installations``, ``commands``: the installations of this machine, and commands that find them
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """`load`, for copies of celeryconfig.py that import it from here; nothing loads it before."""
    if name == "load":
        from easyai.settings.source import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
