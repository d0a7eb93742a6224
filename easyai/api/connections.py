"""Limits the time and the number of the API's connections, so that a silent client blocks no other.

uvicorn closes only connections that idle after an answer. A client that sends nothing, sends its
head or its body a byte at a time, or does not read the answer would keep its connection for ever,
and an open file with it. Without free files the server accepts no connection and logs nothing.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

from easyai.api.heartbeat_lane import HeartbeatLane
from easyai.api.protocol import Part
from easyai.system.log_throttle import LogThrottle

log = logging.getLogger(__name__)

_MOST: Final = 8192  # connections, even if more files may be open
_RESERVED_FILES: Final = 64  # for the database, the store and the log, at least
_UNLIMITED_FILES: Final = 1_048_576
_GRACE_SEC: Final = (
    1.0  # a client has this long for each phase, even when all connections are taken
)


class Phase(StrEnum):
    """The event that a connection waits for."""

    HEAD = "head"  # a request, from its first byte on; on a new connection from the start
    BODY = "body"
    WORK = "work"  # our answer: no limit here
    SEND = "send"  # the client, to read more of our answer
    IDLE = "idle"  # the next request, or the client to take the end of the answer


@dataclass(frozen=True, slots=True)
class TimeOuts:
    """Seconds that a client may take, from the first byte to the last."""

    head: float = 10.0
    body: float = 30.0
    send: float = 60.0  # to take the next part of an answer
    idle: float = 35.0  # above uvicorn's keep-alive, which closes politely

    def of(self, phase: Phase) -> float | None:
        """The limit of a phase; None: the client waits for the server."""
        limit: float | None = getattr(self, phase, None)
        return limit


class ConnectionLimits:
    """The limits of the connections, and which closes for a new connection; for an event loop."""

    def __init__(self, most: int, time_outs: TimeOuts | None = None) -> None:
        self.most = most
        self.time_outs = time_outs or TimeOuts()
        # Connections that wait for their client, the longest wait first; when each wait began.
        self.waiting: dict[BoundedProtocol, float] = {}
        self._throttle = LogThrottle()  # anybody on the network can cause it

    def admit(self, new: BoundedProtocol, now: float) -> bool:
        """Whether a new connection may stay; at the limit, the longest waiting connection closes.

        The wait may be for half a body, or for the next request on a connection that is kept:
        either would hold a place just as a client that sends nothing.
        """
        if len(new.connections) <= self.most:
            return True
        oldest, since = next(iter(self.waiting.items()), (None, now))
        if oldest is None or now - since < _GRACE_SEC:
            self._log_full(new, "a new connection is refused")
            return False
        self._log_full(
            new, "the connection that waits longest for its client is closed for a new connection"
        )
        oldest.give_way()
        return True

    def _log_full(self, new: BoundedProtocol, done: str) -> None:
        times = self._throttle.due()
        if not times:
            return
        known = (getattr(connection, "client", None) for connection in new.connections)
        clients = Counter(client[0] for client in known if client)
        client, count = clients.most_common(1)[0] if clients else ("-", 0)
        log.warning(
            "all %d connections of the API are taken: %s; most are from %s (%d)%s",
            self.most,
            done,
            client,
            count,
            f" (and {times - 1} more)" if times > 1 else "",
        )


class BoundedProtocol(HeartbeatLane):
    """The API's HTTP/1.1 with a deadline for each phase of a connection, within shared limits."""

    limits: ClassVar[ConnectionLimits]
    _phase: Phase | None = None
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the deadline of the first head, or refuse the connection."""
        super().connection_made(transport)
        if self.limits.admit(self, self.loop.time()):
            self._enter(Phase.HEAD)
            return
        self.refuse(503, "Service Unavailable", "too many connections; try again in a moment")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, which may begin or end a phase."""
        super().data_received(data)
        self._follow()

    def on_response_complete(self) -> None:
        """Note that the answer is written; the client must read the rest of it in time."""
        super().on_response_complete()
        self._follow()

    def pause_writing(self) -> None:
        """Note that the client reads too slowly: from now on it must read some bytes in time."""
        super().pause_writing()
        self._follow()

    def resume_writing(self) -> None:
        """Note that the client has read."""
        super().resume_writing()
        self._follow()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to a protocol that has its own deadlines."""
        super().handle_websocket_upgrade()
        self._enter(Phase.WORK)

    def give_way(self) -> None:
        """Close a connection that waits for its client."""
        self._leave()
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # close() would wait for the client to read
        else:
            self.transport.close()

    def _follow(self) -> None:
        self._enter(self._waits_for())

    def _waits_for(self) -> Phase:
        if self.transport.is_closing():
            return Phase.IDLE
        if self.flow.write_paused:
            return Phase.SEND
        if self.transport.get_protocol() is not self or self.pipeline:
            return Phase.WORK  # upgraded, or more requests wait for their answers
        if self.next_part is Part.BODY:
            return Phase.BODY
        if self.is_answering:
            return Phase.WORK
        begun = self.cycle is None or bool(self.head_begun)
        return Phase.HEAD if begun else Phase.IDLE

    def _enter(self, phase: Phase) -> None:
        if phase is self._phase:
            return  # the deadline covers the whole phase
        self._leave()
        self._phase = phase
        if phase is not Phase.WORK:
            self.limits.waiting[self] = self.loop.time()
        limit = self.limits.time_outs.of(phase)
        if limit is not None:
            self._deadline = self.loop.call_later(limit, self._expire)

    def _leave(self) -> None:
        self._phase = None
        self.limits.waiting.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        phase = self._phase
        log.debug("connection closed: client=%s waited for %s", self.client, phase)
        begun = bool(self.head_begun)
        if phase is Phase.BODY:
            begun = not self.cycle.response_started  # otherwise the client already gets an answer
        if phase not in (Phase.HEAD, Phase.BODY):
            self.transport.abort()  # close() would wait for the client to read
        elif begun:
            seconds = self.limits.time_outs.of(phase) or 0.0
            fault = f"the {phase} of the request did not arrive within {seconds:g} s; send it again"
            self.refuse(408, "Request Timeout", fault)
        else:
            self.give_way()

    def refuse(self, status: int, reason: str, fault: str) -> None:
        """Answer in the contract's shape and close."""
        super().refuse(status, reason, fault)
        self._follow()


def bounded(limits: ConnectionLimits) -> type[BoundedProtocol]:
    """The protocol class of a server whose connections share limits."""
    return type("LimitedProtocol", (BoundedProtocol,), {"limits": limits})


def raise_file_limit() -> int:
    """Let this process open as many files as the system allows; return that number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # on an error the soft limit stays
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return _UNLIMITED_FILES if soft == resource.RLIM_INFINITY else soft


def most_connections(files: int) -> int:
    """How many connections leave enough files for everything else."""
    return max(1, min(_MOST, files - max(_RESERVED_FILES, files // 4)))
