"""Sentences of rooms that make no reasons yet, as arguments of reasons; goes when all make them."""

from __future__ import annotations

from easyai.domain.reason import Reason
from easyai.domain.words import Words


def as_reason(what: Words | Reason) -> Reason:
    """A reason as it is; a sentence in two languages as one that shows it in each."""
    return what if isinstance(what, Reason) else Reason.of("both", en=what.en, zh=what.zh)
