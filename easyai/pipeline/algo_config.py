"""A camera's algorithm configuration, read from the store at most every two seconds."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from easyai.errors import EasyaiError
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

_FRESH_SEC = 2.0
# After the last frame of a camera: cameras come and go. Not sooner, because only this cache has the
# earlier configuration while a camera's file is broken.
_FORGET_SEC = 86_400.0
_LARGEST = 1_000_000  # bytes
_MOST_READERS: Final = 4  # threads


@dataclass(frozen=True, slots=True)
class AlgoConfig:
    """The configuration that a service gets with every frame of a camera."""

    # The parsed file as JSON. Not null without a file: field services look for keys in it.
    json_text: str = "{}"
    key: str = ""  # '' when the camera has no file
    version: str = ""


_NONE = AlgoConfig()


class AlgoConfigs:
    """Configurations by camera; a broken file is logged once and the earlier version stays."""

    def __init__(self, runtime: Runtime) -> None:
        self._store = runtime.store
        self._lock = threading.Lock()
        # By key, not by camera: a camera may have two folders, in two Unicode forms, each with a
        # file.
        self._cached: dict[str, tuple[float, AlgoConfig]] = {}
        # The calls that wait for a read that is under way or due, by key.
        self._waiting: dict[str, list[asyncio.Future[AlgoConfig]]] = {}
        self._due: deque[str] = deque()
        # Read and not passed on: waking the loop costs more than a read.
        self._read_now: deque[tuple[str, AlgoConfig | Exception]] = deque()
        self._loop_wakes = False  # to pass them on
        self._readers = 0
        self._forgot_at = time.monotonic()

    async def of(self, frame_key: str) -> AlgoConfig:
        """The configuration for a frame; concurrent calls on a loop share a single read."""
        key = self._store.rules.algo_config_key(frame_key)
        if (config := self._fresh(key)) is not None:
            return config
        loop = asyncio.get_running_loop()
        call: asyncio.Future[AlgoConfig] = loop.create_future()
        if (calls := self._waiting.get(key)) is not None:
            calls.append(call)
        else:
            self._waiting[key] = [call]
            self._due.append(key)
            self._start_reader(loop)
        return await call

    def close(self) -> None:
        """Cancel the calls that wait."""
        self._due.clear()
        for calls in self._waiting.values():
            for call in calls:
                call.cancel()

    def _start_reader(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._due and self._readers < _MOST_READERS:
            self._readers += 1
            ended = loop.run_in_executor(None, self._read_due, loop)
            ended.add_done_callback(lambda _: self._reader_ended(loop))

    def _reader_ended(self, loop: asyncio.AbstractEventLoop) -> None:
        self._readers -= 1
        self._start_reader(loop)  # for a key that was added after the reader had looked

    def _read_due(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read all that is due; a read that hangs leaves the others to the other readers."""
        with suppress(IndexError):  # nothing is due
            while True:
                key = self._due.popleft()
                try:
                    answer: AlgoConfig | Exception = self._current(key)
                except Exception as error:  # noqa: BLE001 - for the call that waits
                    answer = error
                self._read_now.append((key, answer))
                if not self._loop_wakes:
                    self._loop_wakes = True
                    loop.call_soon_threadsafe(self._pass_on)

    def _pass_on(self) -> None:
        """Answer the calls whose configurations have been read."""
        self._loop_wakes = False  # before the look: a reader that comes later wakes the loop again
        while self._read_now:
            key, answer = self._read_now.popleft()
            for call in self._waiting.pop(key):
                if call.done():  # cancelled
                    continue
                if isinstance(answer, Exception):
                    call.set_exception(answer)
                else:
                    call.set_result(answer)

    def get(self, frame_key: str) -> AlgoConfig:
        """The configuration for a frame; blocks to read the store when that is due."""
        return self._current(self._store.rules.algo_config_key(frame_key))

    def _current(self, key: str) -> AlgoConfig:
        if (config := self._fresh(key)) is not None:
            return config
        now = time.monotonic()
        cached = self._cached.get(key)
        before = cached[1] if cached else _NONE
        config = self._read(key, before)
        with self._lock:  # not during the read: a slow read must not hold up other cameras
            self._cached[key] = (now, config)
            if now - self._forgot_at >= _FORGET_SEC:
                self._forget(now)
        return config

    def _fresh(self, key: str) -> AlgoConfig | None:
        cached = self._cached.get(key)
        if cached is not None and time.monotonic() - cached[0] < _FRESH_SEC:
            return cached[1]
        return None

    def _forget(self, now: float) -> None:
        self._forgot_at = now
        # Replaced in a single step, because `_fresh` takes no lock: at worst a read is repeated.
        self._cached = {
            key: cached for key, cached in self._cached.items() if now - cached[0] < _FORGET_SEC
        }

    def _read(self, key: str, before: AlgoConfig) -> AlgoConfig:
        try:
            version = self._store.version(key)
            if version is None:
                return _NONE
            if version == before.version:
                return before
            read = self._store.read(key, _LARGEST)
        except EasyaiError as error:
            log.warning(
                "algo_config not read, the previous algo_config stays: key=%s: %s", key, error
            )
            return before
        if read is None:
            return _NONE
        return _parse(key, *read, before)


def _parse(key: str, version: str, content: bytes, before: AlgoConfig) -> AlgoConfig:
    try:
        parsed = json.loads(content.decode("utf-8-sig"))
        # Python reads NaN, which is not JSON: writing with allow_nan=False raises ValueError.
        text = json.dumps(parsed, allow_nan=False)
        problem = "" if isinstance(parsed, dict) else text[:40]
    except (ValueError, RecursionError) as error:
        text, problem = "", str(error)
    if not problem:
        return AlgoConfig(text, key, version)
    log.warning(
        "algo_config is not a JSON object, the previous one stays: key=%s: %s; correct the file",
        key,
        problem,
    )
    return AlgoConfig(before.json_text, key, version)
