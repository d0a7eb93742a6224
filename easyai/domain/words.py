"""A message for operators, in both of their languages."""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    """The same message in English and Chinese."""

    en: str
    zh: str

    @property
    def both(self) -> str:
        """English and Chinese, a line each."""
        return f"{self.en}\n{self.zh}"
