"""Reasons where a sentence in two languages is still expected; goes when none is."""

from __future__ import annotations

from easyai.domain.reason import Reason
from easyai.domain.words import Words
from easyai.messages.catalogue import text


def words(reason: Reason) -> Words:
    """The sentence of a reason in both languages."""
    return Words(text(reason), text(reason, "zh"))
