"""How long `make production` takes: people wait for the whole, `.ci/run` has 35 minutes in all."""

from __future__ import annotations

import os
from typing import Any, Final

import pytest

#: False where CI is set: fewer pictures in the large bucket, shorter waits, no `in_full`.
IN_FULL: Final = not os.environ.get("CI")


def in_full(value: str) -> Any:
    """A parameter that CI leaves out, as another parameter tests nearly the same."""
    return pytest.param(value, marks=pytest.mark.in_full)
