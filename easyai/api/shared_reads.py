"""Reads that clients share: who waits for the same answer gets it from the same reading.

Many browser tabs ask for the same list again and again. A list is read once at a time, with a pause
as long as the reading, and a reading that has not begun serves every client that asks for it
meanwhile: no answer is older than its request. A reading whose clients have all gone ends at once,
its query in the database too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from easyai.api import gates
from easyai.api.compression import accepts_gzip, zipped
from easyai.api.gates import LISTS, READS, Gate
from easyai.db.interruption import Interruption
from easyai.db.session import Database

_LONGEST_REST_SEC: Final = 1.0
_AGAIN_SEC: Final = 0.2  # between two attempts to end a reading

# Path, query and Host: links to pictures name the Host. The rights of a client are checked before.
_Key = tuple[str, bytes, str]


class _Answer(NamedTuple):
    """What a reading gives to all its clients."""

    plain: Response
    zipped: bytes | None  # None: not large, or no client takes gzip


class _Reading:
    """The work of a reading, its task, and the number of the clients that wait for it."""

    def __init__(self, work: Callable[[], Response]) -> None:
        self.work = work
        self.clients = 0
        self.zips = False  # whether a client takes gzip
        self.interruption: Interruption | None = None  # None: not begun
        self.task: asyncio.Task[_Answer]
        self.ending: asyncio.Task[None] | None = None


class SharedGate(Gate):
    """A gate for reads, which clients share."""

    def __init__(self, name: str, db: Database) -> None:
        super().__init__(name)
        self._db = db
        self._next: dict[_Key, _Reading] = {}  # not begun
        self._under_way: dict[_Key, asyncio.Task[Any]] = {}

    async def answer(self, request: Request, work: Callable[[], Response]) -> Response:
        """The answer of a reading that begins after the call.

        Raises BusyError when too many readings wait or the wait is too long, and ClientDisconnect
        when the client has gone.
        """
        key = request.scope["path"], request.scope["query_string"], request.headers.get("host", "")
        reading = self._next.get(key) or self._prepare(key, work)
        reading.clients += 1
        zips = accepts_gzip(request.headers)
        reading.zips = reading.zips or zips
        gone = asyncio.create_task(_until_gone(request))
        try:
            await asyncio.wait((reading.task, gone), return_when=asyncio.FIRST_COMPLETED)
            if reading.task.done():
                return _for_client(reading.task.result(), zips=zips)
            gone.result()  # a body that is too large
            raise ClientDisconnect
        finally:
            gone.cancel()
            reading.clients -= 1
            if not reading.clients:
                self._give_up(key, reading)

    def _prepare(self, key: _Key, work: Callable[[], Response]) -> _Reading:
        reading = self._next[key] = _Reading(work)
        reading.task = asyncio.create_task(self._read(key, reading))
        # Read the exception: nobody may be waiting any more when the task fails.
        reading.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return reading

    async def _read(self, key: _Key, reading: _Reading) -> _Answer:
        try:
            await self._until_free(key)
            async with self.place():
                self._forget(key, reading)
                self._under_way[key] = reading.task
                reading.interruption = interruption = Interruption()
                began = time.monotonic()
                try:
                    return await self.on_thread(lambda: self._work(reading, interruption))
                finally:
                    self._rest(key, time.monotonic() - began)
        finally:
            self._forget(key, reading)

    async def _until_free(self, key: _Key) -> None:
        try:
            async with asyncio.timeout(gates._LONGEST_WAIT_SEC):
                while (earlier := self._under_way.get(key)) is not None:
                    await asyncio.wait((earlier,))
        except TimeoutError:
            raise self.busy() from None

    def _rest(self, key: _Key, sec: float) -> None:
        """Read a list again only after a pause as long as its reading: others work meanwhile."""
        rest = asyncio.create_task(asyncio.sleep(min(sec, _LONGEST_REST_SEC)))
        self._under_way[key] = rest
        rest.add_done_callback(lambda _: self._under_way.pop(key))

    def _work(self, reading: _Reading, interruption: Interruption) -> _Answer:
        with self._db.interruptible(interruption):
            plain = reading.work()
        return _Answer(plain, zipped(plain) if reading.zips else None)

    def _forget(self, key: _Key, reading: _Reading) -> None:
        if self._next.get(key) is reading:
            del self._next[key]

    def _give_up(self, key: _Key, reading: _Reading) -> None:
        if reading.task.done():
            return
        self._forget(key, reading)
        if reading.interruption is None:
            reading.task.cancel()
        else:
            reading.ending = asyncio.create_task(self._end(reading.task, reading.interruption))

    async def _end(self, task: asyncio.Task[_Answer], interruption: Interruption) -> None:
        # Between two statements there is nothing to end: the next statement is refused.
        while not task.done():
            with suppress(Exception):  # the reading goes on to its end
                await asyncio.to_thread(interruption.end)
            await asyncio.wait((task,), timeout=_AGAIN_SEC)


def _for_client(shared: _Answer, *, zips: bool) -> Response:
    """A new answer for each client: its headers may change on the way."""
    plain = shared.plain
    if zips and shared.zipped is not None:
        headers = {"content-encoding": "gzip", "vary": "Accept-Encoding"}
        return Response(shared.zipped, plain.status_code, headers, plain.media_type)
    return Response(plain.body, plain.status_code, media_type=plain.media_type)


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass  # a body that nobody reads


def open_gates(db: Database) -> dict[str, Gate]:
    """A gate for each group; for the loop of an app."""
    shared = {name: SharedGate(name, db) for name in (LISTS, READS)}
    return {name: Gate(name) for name in gates._AT_ONCE if name not in shared} | shared
