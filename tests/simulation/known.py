"""Defects that the simulation finds and that are not mended yet: their kinds end no run."""

from __future__ import annotations

from typing import Final

# The known defect by kind of violation, the word before the colon.
NOT_MENDED: Final[dict[str, str]] = {}
