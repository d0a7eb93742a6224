"""A file server that hangs: once the file EASYAI_TEST_HANG is there, no call below a folder ends.

Python imports this module at its start where this folder stands in PYTHONPATH.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

_FLAG = os.environ.get("EASYAI_TEST_HANG", "")
_FOLDER = os.environ.get("EASYAI_TEST_HANG_BELOW", "")
_exists = os.path.exists


def _hanging(call: Callable[..., Any]) -> Callable[..., Any]:
    def called(path: Any = ".", *arguments: Any, **options: Any) -> Any:
        while str(path).startswith(_FOLDER) and _exists(_FLAG):
            time.sleep(3600)
        return call(path, *arguments, **options)

    return called


if _FLAG:
    for _name in ("scandir", "open", "rename", "replace", "unlink", "lstat", "link"):
        setattr(os, _name, _hanging(getattr(os, _name)))
