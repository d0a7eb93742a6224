"""Limits requests by address, so that a program in a loop does not keep the database busy."""

from __future__ import annotations

import time
from collections import Counter
from typing import Annotated, Final

from fastapi import Depends

from easyai.api.access import CallerPart
from easyai.api.parts import RuntimePart
from easyai.errors import TooManyRequestsError
from easyai.runtime import Runtime

_WINDOW_SEC: Final = 60.0


class AddressRate:
    """Counts requests by address, anew each minute; part of the runtime, for a single loop."""

    def __init__(self, _runtime: Runtime) -> None:
        self._began_at = time.monotonic()
        self._counts: Counter[str] = Counter()

    def count(self, address: str) -> int:
        """Count a request; return the address's requests in this minute."""
        before = self.so_far(address)
        self._counts[address] = before + 1
        return before + 1

    def so_far(self, address: str) -> int:
        """The address's requests in this minute."""
        now = time.monotonic()
        if now - self._began_at >= _WINDOW_SEC:
            self._began_at = now
            self._counts.clear()
        return self._counts[address]


class RegistrationRate(AddressRate):
    """Counts registrations."""


async def _most_services(caller: CallerPart, runtime: RuntimePart) -> int:
    """How many services the caller's address may have; 0: any number."""
    own = runtime.settings.easyai
    if caller.is_operator:
        return 0
    most = own.registrations_per_minute
    if most and runtime.part(RegistrationRate).count(caller.address) > most:
        raise TooManyRequestsError(
            f"register: more than {most} registrations a minute from {caller.address or 'there'}; "
            "register once at the start and send heartbeats, or raise "
            "easyai.registrations_per_minute on the server"
        )
    return own.services_per_source


MostServicesPart = Annotated[int, Depends(_most_services)]
