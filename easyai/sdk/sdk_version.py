"""The version of the SDK, from the metadata that its installation wrote."""

from functools import cache
from typing import Final

# Alone, or as a part of the server's distribution.
DISTRIBUTIONS: Final = ("easyai-frames-sdk", "easyai-frames")
UNKNOWN: Final = "0.0.0+unknown"  # as in pyproject.toml


@cache
def version() -> str:
    """The installed version; `UNKNOWN` in a folder that was never installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed_version

    for name in DISTRIBUTIONS:
        try:
            return installed_version(name)
        except PackageNotFoundError:
            continue
    return UNKNOWN
