"""The messages of the live state in a language: written once, for every tab that reads it."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections import deque
from collections.abc import Mapping
from typing import Final

from easyai.dashboard.live_state import Written

#: The messages that wait for a tab; a tab that is slower gets the whole state instead.
MOST_WAITING: Final = 5
#: The bytes of memory of these messages; a single message may have more.
MOST_BYTES: Final = 2_000_000
_SIGN_SEC: Final = 4.0  # the longest pause between two messages; a message may be empty


class Tab:
    """A browser's tab; what waits for it is bounded."""

    def __init__(self, language: str, source: str = "") -> None:
        """`source`: the browser's session or network; '': this machine, or not known."""
        self.language, self.source = language, source
        self.needs_state = True  # the next message is the whole state
        self._waiting: deque[str] = deque()
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()

    def put(self, message: str) -> None:
        """Add a message; a tab that does not keep up loses all that wait, and needs the state."""
        size = sys.getsizeof(message)
        is_full = len(self._waiting) >= MOST_WAITING or self._waiting_bytes + size > MOST_BYTES
        if self._waiting and is_full:
            self._waiting.clear()
            self._waiting_bytes = 0
            self.needs_state = True
            return
        self._waiting.append(message)
        self._waiting_bytes += size
        self._arrived.set()

    async def take(self) -> str:
        """The next message; waits until a message comes."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        message = self._waiting.popleft()
        self._waiting_bytes -= sys.getsizeof(message)
        return message


class Feed:
    """The state of a language and its last deltas; for a single event loop."""

    def __init__(self) -> None:
        self.boot = secrets.token_hex(6)  # another feed has other numbers
        self._number = 0
        self._at = 0.0
        self._sections: dict[str, str] = {}
        # For tabs that come back: one less than a queue has place for
        self._deltas: deque[tuple[int, str]] = deque(maxlen=MOST_WAITING - 1)
        self._sent_at = 0.0  # of the last message

    def advance(self, at: float, sections: Mapping[str, Written]) -> str:
        """Take the state of a tick; returns the delta to the state before, '' for no news."""
        changed = {
            name: written.news if name in self._sections else written.whole
            for name, written in sections.items()
            if self._sections.get(name) != written.whole
        }
        self._sections = {name: written.whole for name, written in sections.items()}
        self._at = at
        if not changed and 0 <= at - self._sent_at < _SIGN_SEC:
            return ""
        self._number += 1
        self._sent_at = at
        head = f'{{"kind":"delta","seq":{self._number},"at":{at:.3f},"now":'
        delta = f"{head}{_object(changed)}}}"
        self._deltas.append((self._number, delta))
        return delta

    @property
    def state(self) -> str:
        """The whole state; '' before the first tick."""
        if not self._number:
            return ""
        head = f'{{"kind":"state","boot":"{self.boot}","seq":{self._number},"at":{self._at:.3f}'
        return f'{head},"now":{_object(self._sections)}}}'

    def since(self, known: str) -> list[str] | None:
        """The deltas after "BOOT:SEQ"; None: too far back, or of another feed."""
        boot, _, number = known.partition(":")
        if boot != self.boot or not (number.isascii() and number.isdecimal()):
            return None
        last = int(number[:18])
        missed = [delta for at, delta in self._deltas if at > last]
        is_whole = last + len(missed) == self._number
        return missed if is_whole and sum(map(sys.getsizeof, missed)) <= MOST_BYTES else None


def unknown(at: float, why: str) -> str:
    """The message while the state is not known."""
    return json.dumps({"kind": "unknown", "at": round(at, 3), "why": why}, ensure_ascii=False)


def _object(sections: Mapping[str, str]) -> str:
    return "{" + ",".join(f'"{name}":{value}' for name, value in sections.items()) + "}"
