"""A message for operators, in both of their languages."""

from __future__ import annotations

from typing import Literal, NamedTuple

Language = Literal["en", "zh"]


class Words(NamedTuple):
    """The same message in English and Chinese."""

    en: str
    zh: str

    @property
    def both(self) -> str:
        """English and Chinese, a line each."""
        return f"{self.en}\n{self.zh}"

    def said(self, language: Language) -> str:
        """The message in one language."""
        return self.zh if language == "zh" else self.en
