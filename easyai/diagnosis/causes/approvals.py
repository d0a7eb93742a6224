"""What is said of services that wait until an operator approves them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from easyai.diagnosis.causes.cause import Remedy
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.messages.wording import names
from easyai.settings.commands import easyai_command

_MOST: Final = 3  # commands


def waits_for_approval(facts: Facts, types: Collection[str]) -> Iterator[Words]:
    """Which services of these types wait for approval."""
    ids = _waiting(facts, types)
    if ids:
        shown = names(ids)
        yield Words(
            f"waiting for approval: {shown}; such a service gets no frame",
            f"等待批准的算法服务：{shown}；批准之前不会收到图片",
        )


def approve_waiting(facts: Facts, types: Collection[str]) -> Iterator[Remedy]:
    """The command that approves each of them."""
    for service_id in _waiting(facts, types)[:_MOST]:
        yield Remedy(
            Words(
                f"If {service_id} is yours, approve it",
                f"若 {service_id} 确为自有服务，请批准",
            ),
            easyai_command(facts.settings, "services", "approve", service_id),
        )


def _waiting(facts: Facts, types: Collection[str]) -> list[str]:
    requested = facts.known.requested if facts.known else {}
    return sorted(name for name, wanted in requested.items() if not wanted.isdisjoint(types))
