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

    `UNKNOWN` if git or its history was missing then, and in a folder that was never installed.
    """
    try:
        return installed_version(DISTRIBUTION)
    except PackageNotFoundError:
        return UNKNOWN


def described() -> str:
    """The version for people; an unknown version has the reason with it."""
    number = version()
    if number == UNKNOWN:
        return f"{number} (built without git and its tags: docs/releasing.md)"
    return number


@cache
def user_agent() -> str:
    """The name of easyai for HTTP servers."""
    return f"easyai/{version()}"
