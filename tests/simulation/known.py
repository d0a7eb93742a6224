"""Defects that the simulation finds and that are not mended yet: their kinds end no run."""

from __future__ import annotations

from typing import Final

# By kind of violation, the word before the colon: what is broken.
NOT_MENDED: Final[dict[str, str]] = {}
