"""The version of easyai, from the metadata that its installation wrote: docs/releasing.md."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Final

DISTRIBUTION: Final = "easyai-frames"
UNKNOWN: Final = "0.0.0+unknown"  # as in pyproject.toml


@cache
def version() -> str:
    """The version that git's tags gave when easyai was built or installed.

    `UNKNOWN` where git or its history was missing then, and in a folder that was never installed.
    """
    try:
        return installed_version(DISTRIBUTION)
    except PackageNotFoundError:
        return UNKNOWN


def described() -> str:
    """The version as people read it: an unknown one with the reason."""
    found = version()
    if found == UNKNOWN:
        return f"{found} (built without git and its tags: docs/releasing.md)"
    return found


@cache
def user_agent() -> str:
    """How easyai names itself to HTTP servers."""
    return f"easyai/{version()}"
