"""Evidence and remedies for services that wait until an operator approves them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from easyai.diagnosis.causes.cause import Remedy
from easyai.domain.reason import Reason
from easyai.health.facts import Facts
from easyai.settings.commands import easyai_command

_MOST: Final = 3  # commands


def waits_for_approval(facts: Facts, types: Collection[str]) -> Iterator[Reason]:
    """Which services of these types wait for approval."""
    ids = _waiting(facts, types)
    if ids:
        yield Reason.of("services.wait_for_approval", services=tuple(ids))


def approve_waiting(facts: Facts, types: Collection[str]) -> Iterator[Remedy]:
    """The commands that approve these services."""
    for service_id in _waiting(facts, types)[:_MOST]:
        yield Remedy(
            Reason.of("remedy.approve", service_id=service_id),
            easyai_command(facts.settings, "services", "approve", service_id),
        )


def _waiting(facts: Facts, types: Collection[str]) -> list[str]:
    requested = facts.snapshot.requested if facts.snapshot else {}
    return sorted(name for name, wanted in requested.items() if not wanted.isdisjoint(types))
