"""The hub: while somebody looks, it has the state made once a second, and gives it to every tab.

The state is made on a thread of its own: nothing else waits for a database that does not answer,
and tabs get the message that the state is not known.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from easyai.dashboard.live_feed import Feed, Tab, unknown
from easyai.dashboard.live_state import Tick
from easyai.dashboard.sections.section import LONGEST_REST_SEC
from easyai.domain.reason import Reason
from easyai.errors import DatabaseUnavailableError, EasyaiError
from easyai.health.checks.named_check import error_for_client
from easyai.messages.catalogue import text
from easyai.system.log_throttle import LogThrottle

log = logging.getLogger(__name__)

_EVERY_SEC: Final = 1.0
_LATE_SEC: Final = 3.0  # a state that takes longer is not known
#: A tab that comes back within this time goes on where it was.
LINGER_SEC: Final = 15.0
#: Tabs of a process; once half of them are taken, a source may have a quarter of them. The last
#: tenth is for people on this machine alone, the tenth before it for them and for operators.
MOST_TABS: Final = 200


class LiveHub:
    """The tabs of a process; for a single event loop."""

    def __init__(self, make: Callable[[Iterable[str]], Tick], now: Callable[[], float]) -> None:
        """`make`: the state in some languages; `now`: Unix seconds by the database's clock."""
        self._make, self._now = make, now
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="live")
        self._tabs: set[Tab] = set()
        self._feeds: dict[str, Feed] = {}
        self._looked_at: dict[str, float] = {}  # when a tab of a language was last there, monotonic
        self._task: asyncio.Task[None] | None = None
        self._failed = LogThrottle()

    def has_place(self, source: str, kept: int = 0) -> bool:
        """Whether a further tab of a source is taken; '': of this machine, or not known.

        `kept`: how many tenths of all tabs are for others.
        """
        count = len(self._tabs)
        of_source = sum(tab.source == source for tab in self._tabs)
        has_share = not source or count < MOST_TABS // 2 or of_source < MOST_TABS // 4
        return count < MOST_TABS - kept * MOST_TABS // 10 and has_share

    def join(self, language: str, known: str = "", source: str = "") -> Tab:
        """Take a tab; `known`: "BOOT:SEQ" of the last message that it has, '': none."""
        tab = Tab(language, source)
        feed = self._feeds.get(language)
        if feed is not None:
            missed = feed.since(known)
            # A state may be a second old: the tick that follows brings what has changed.
            for message in [feed.state] if missed is None else missed:
                if message:
                    tab.put(message)
                    tab.needs_state = False
            tab.needs_state = tab.needs_state and missed is None
        self._tabs.add(tab)
        self._looked_at[language] = time.monotonic()
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return tab

    def leave(self, tab: Tab) -> None:
        """Forget a tab."""
        self._tabs.discard(tab)

    async def close(self) -> None:
        """Make no further state."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        self._thread.shutdown(wait=False)

    async def _run(self) -> None:
        try:
            while languages := self._languages():
                began = time.monotonic()
                await self._tick(languages)
                took = time.monotonic() - began
                # After a slow state others have their turn for as long.
                await asyncio.sleep(max(_EVERY_SEC - took, min(took, LONGEST_REST_SEC)))
        finally:
            self._task = None

    def _languages(self) -> list[str]:
        """The languages that somebody reads or has just read; the feeds of others end."""
        moment = time.monotonic()
        for tab in self._tabs:
            self._looked_at[tab.language] = moment
        for language, at in list(self._looked_at.items()):
            if moment - at > LINGER_SEC:
                del self._looked_at[language]
                self._feeds.pop(language, None)
        return sorted(self._looked_at)

    async def _tick(self, languages: list[str]) -> None:
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._thread, self._make, languages)
        limit_sec = _LATE_SEC
        while not (await asyncio.wait((work,), timeout=limit_sec))[0]:
            limit_sec = _EVERY_SEC
            self._not_known(DatabaseUnavailableError())
        try:
            self._give(work.result())
        except EasyaiError as error:
            self._begin_anew(error_for_client(error))
        except Exception as error:  # noqa: BLE001 - an unforeseen error must not end the hub
            self._failed.warning(log, "no live state for the dashboard: %r", error)
            self._begin_anew(EasyaiError(Reason("error.live_state")))

    def _give(self, tick: Tick) -> None:
        for language, sections in tick.sections.items():
            feed = self._feeds.setdefault(language, Feed())
            delta, state = feed.advance(tick.at, sections), ""
            for tab in self._tabs:
                if tab.language != language:
                    continue
                if tab.needs_state:
                    state = state or feed.state
                    tab.needs_state = False
                    tab.put(state)
                elif delta:
                    tab.put(delta)

    def _begin_anew(self, error: EasyaiError) -> None:
        """Send why the state is not known; the next message of every tab is the whole state."""
        self._feeds.clear()
        for tab in self._tabs:
            tab.needs_state = True
        self._not_known(error)

    def _not_known(self, error: EasyaiError) -> None:
        messages: dict[str, str] = {}
        for tab in self._tabs:
            if tab.language not in messages:
                why = text(error.reason, tab.language)
                messages[tab.language] = unknown(self._now(), why)
            tab.put(messages[tab.language])
