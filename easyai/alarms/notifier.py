"""Notify people from separate threads, so that a hanging mail server blocks nothing else."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from easyai.alarms.grouping import Message
from easyai.domain.alarm import Change
from easyai.domain.alarm_severity import FAILURES
from easyai.errors import EasyaiError
from easyai.messages.catalogue import in_all_languages
from easyai.publish.apprise_urls import People, Tone

log = logging.getLogger(__name__)

_RETRY_SEC: Final = (2.0, 5.0, 15.0, 60.0)  # the last pause is repeated
_GIVE_UP_SEC: Final = 3600.0  # by then the alarm is repeated or over
_MOST_WAITING: Final = 100


class PeopleNotifier:
    """Sends each message to every URL in ``notify_urls``; every URL has its own queue and thread.

    If a URL does not answer, only that URL is tried again.
    """

    def __init__(self, urls: Callable[[], Sequence[str]]) -> None:
        """`urls` returns the current Apprise URLs; they are secrets."""
        self._urls = urls
        self._lines: dict[str, _Line] = {}

    def notify(self, message: Message) -> None:
        """Send soon; never waits."""
        urls = [url for url in self._urls() if url]
        for number, url in enumerate(urls, start=1):
            if url not in self._lines:
                self._lines[url] = _Line(url, number)
            self._lines[url].put(message)
        for gone in set(self._lines) - set(urls):
            self._lines.pop(gone).end()

    def close(self, timeout_sec: float = 2.0) -> None:
        """Send the waiting messages, within the time."""
        limit = time.monotonic() + timeout_sec
        for line in self._lines.values():
            line.end()
        for line in self._lines.values():
            line.thread.join(max(0.0, limit - time.monotonic()))


def tone(message: Message) -> Tone:
    """The severity of a message."""
    if message.change == Change.OVER:
        return "success"
    return "failure" if message.kind in FAILURES else "warning"


class _Line:
    """Messages to a URL, in order; each is tried until it is delivered or an hour old."""

    def __init__(self, url: str, number: int) -> None:
        self._people = People([url])
        self._name = f"number {number} of ai_analysis.notify_urls"
        self._waiting: deque[tuple[Message, float]] = deque()
        self._changed = threading.Condition()
        self._ending = False
        self.thread = threading.Thread(target=self._run, name=f"people-{number}", daemon=True)
        self.thread.start()

    def put(self, message: Message) -> None:
        with self._changed:
            self._waiting.append((message, time.monotonic()))
            if len(self._waiting) > _MOST_WAITING:
                self._waiting.popleft()
                log.error("people not notified of an alarm: too many wait for %s", self._name)
            self._changed.notify()

    def end(self) -> None:
        with self._changed:
            self._ending = True
            self._changed.notify()

    def _run(self) -> None:
        attempts = 0
        while (oldest := self._oldest()) is not None:
            if self._send(*oldest):
                attempts = 0
                with self._changed:
                    if self._waiting and self._waiting[0] is oldest:
                        self._waiting.popleft()
                continue
            pause_sec = _RETRY_SEC[min(attempts, len(_RETRY_SEC) - 1)]
            attempts += 1
            with self._changed:
                if self._changed.wait_for(lambda: self._ending, pause_sec):
                    return

    def _oldest(self) -> tuple[Message, float] | None:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting) or self._ending)
            return self._waiting[0] if self._waiting else None

    def _send(self, message: Message, since: float) -> bool:
        """Send a message; whether it is delivered or given up."""
        try:
            self._people.send(message.title, in_all_languages(message.reason), tone(message))
        except Exception as error:  # noqa: BLE001 - a library speaks to a hundred services
            # Log only our own messages: a library's message may contain the URL, and so a password.
            reason = str(error) if isinstance(error, EasyaiError) else type(error).__name__
            late = time.monotonic() - since > _GIVE_UP_SEC
            next_step = "given up" if late else "trying again"
            log.warning(
                "people not notified of %s, %s: %s: %s", message.kind, next_step, self._name, reason
            )
            return late
        log.info("people notified: %s: %s", message.title, self._name)
        return True
