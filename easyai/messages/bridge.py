"""Between reasons and sentences in two languages; goes when nothing makes these any more."""

from __future__ import annotations

from easyai.domain.reason import NO_REASON, Reason
from easyai.domain.words import Words
from easyai.messages.catalogue import text
from easyai.messages.reasons import reason


def words(said: Reason) -> Words:
    """The sentence of a reason in both languages."""
    return Words(text(said), text(_in_chinese(said), "zh"))


def as_reason(what: Words | Reason, language: str) -> Reason:
    """A reason with the sentences that it quotes in Chinese, where they are ours; else as it is.

    A sentence in two languages becomes a quotation.
    """
    if isinstance(what, Reason):
        return _in_chinese(what) if language == "zh" else what
    said = what.zh if language == "zh" else what.en
    return Reason.of("quoted", text=said) if said else NO_REASON


def _in_chinese(what: Reason) -> Reason:
    """With the sentences that it quotes in Chinese, where they are ours."""
    if what.code == "quoted":
        return Reason.of("quoted", text=reason(str(what.get("text"))).zh)
    return Reason(
        what.code,
        tuple((n, _in_chinese(one) if isinstance(one, Reason) else one) for n, one in what.args),
    )
