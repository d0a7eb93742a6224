"""Reasons where a sentence in two languages is still expected; goes when none is."""

from __future__ import annotations

from easyai.domain.reason import Reason, quoted
from easyai.domain.words import Words
from easyai.messages.catalogue import text
from easyai.messages.reasons import reason as said_by_us


def words(reason: Reason) -> Words:
    """The sentence of a reason in both languages."""
    return Words(text(reason), text(_in_chinese(reason), "zh"))


def _in_chinese(reason: Reason) -> Reason:
    """With the sentences that it quotes in Chinese, where they are ours."""
    if reason.code == "quoted":
        return quoted(said_by_us(str(reason.get("text"))).zh)
    return Reason(
        reason.code,
        tuple((n, _in_chinese(one) if isinstance(one, Reason) else one) for n, one in reason.args),
    )
