"""Sessions: a person logs in with a token, and the browser then sends a cookie instead.

The database keeps what it takes to recognise a cookie, and nothing that would let its reader log
in. Look-ups run on a thread of their own and are kept for two seconds, so requests of a page share
them. Heartbeats and pictures have no session.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from easyai.api.tokens import Tokens
from easyai.db import audit, clock, sessions
from easyai.db.sessions import Session
from easyai.domain.actor import Actor
from easyai.domain.reason import Reason
from easyai.domain.unicode_form import nfc
from easyai.errors import BadRequestError, BusyError, DatabaseUnavailableError
from easyai.runtime import Runtime

COOKIE: Final = "easyai_session"
_FRESH_SEC: Final = 2.0
_SEE_EVERY_SEC: Final = 300.0  # the last use is recorded to within so long
_MOST_KEPT: Final = 1000
_MOST_WAITING: Final = 100
_LONGEST_NAME: Final = 64  # characters
_VALUE: Final = re.compile(r"[\w-]{43}", re.ASCII)  # as secrets.token_urlsafe writes 32 bytes


class LoginSessions:
    """The sessions of an installation; a part of the runtime, for a single event loop."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sessions")
        self._waiting = 0
        # By digest: when it was looked up, on the monotonic clock; None: there was no session.
        self._kept: dict[str, tuple[float, Session | None]] = {}

    async def of(self, cookie: str) -> Session | None:
        """The session that a cookie's value belongs to, if it goes on; at most 2 s old.

        While the database does not answer or too many look-ups wait, a session that this process
        knows goes on. Raises DatabaseUnavailableError and BusyError.
        """
        if not _VALUE.fullmatch(cookie):
            return None
        digest = _digest(cookie)
        looked_up_at, session = self._kept.get(digest, (0.0, None))
        if time.monotonic() - looked_up_at >= _FRESH_SEC or not looked_up_at:
            try:
                session = await self._on_thread(digest)
            except BusyError:  # strangers with invented cookies may cause it
                if session is None:
                    raise
        return session if session is not None and self._goes_on(session, cookie) else None

    async def begin(self, actor: Actor, token: str) -> str:
        """Begin a session with the rights of a token; returns the value of its cookie."""
        cookie = secrets.token_urlsafe(32)
        mac = _mac(cookie, token)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._begin, actor, _digest(cookie), mac)
        return cookie

    async def end(self, actor: Actor, cookie: str) -> None:
        """End the session of a cookie; other processes notice within 2 s."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._end, actor, _digest(cookie))

    def close(self) -> None:
        """Let the thread end after its present look-up."""
        self._thread.shutdown(wait=False)

    def _goes_on(self, session: Session, cookie: str) -> bool:
        token = self._runtime.part(Tokens).in_force(session.role)
        same = hmac.compare_digest(_mac(cookie, token), session.token_mac)
        return bool(token) and same and session.lasts(clock.estimate(self._runtime.db.engine))

    async def _on_thread(self, digest: str) -> Session | None:
        if self._waiting >= _MOST_WAITING:
            raise BusyError
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._look_up, digest)
        finally:
            self._waiting -= 1

    def _look_up(self, digest: str) -> Session | None:
        looked_up_at, kept = self._kept.get(digest, (0.0, None))
        if looked_up_at and time.monotonic() - looked_up_at < _FRESH_SEC:
            return kept  # another request has asked meanwhile
        try:
            session = self._read(digest)
        except DatabaseUnavailableError:
            if kept is None:
                raise
            session = kept
        self._keep(digest, session)
        return session

    def _read(self, digest: str) -> Session | None:
        with self._runtime.db.read() as conn:
            session, now = sessions.find(conn, digest), clock.now(conn)
        if session is not None and session.lasts(now) and now - session.seen_at > _SEE_EVERY_SEC:
            with self._runtime.db.write() as conn:
                sessions.see(conn, digest, now)
        return session

    def _begin(self, actor: Actor, digest: str, mac: str) -> None:
        with self._runtime.db.write() as conn:
            now = clock.now(conn)
            session = Session(digest, actor.token, actor.person, mac, now, now)
            sessions.add(conn, session)
            audit.note(conn, actor, "login", Reason("action.logged_in"))
        self._keep(digest, session)

    def _end(self, actor: Actor, digest: str) -> None:
        with self._runtime.db.write() as conn:
            if sessions.remove(conn, digest):
                audit.note(conn, actor, "logout", Reason("action.logged_out"))
        self._keep(digest, None)

    def _keep(self, digest: str, session: Session | None) -> None:
        self._kept.pop(digest, None)
        while len(self._kept) >= _MOST_KEPT:
            # Invented cookies must not push out those of people.
            unknown = (each for each, (_, known) in self._kept.items() if known is None)
            del self._kept[next(unknown, next(iter(self._kept)))]
        self._kept[digest] = time.monotonic(), session


def csrf_token(cookie: str) -> str:
    """What a page must send with a change: only a page of this server can read it."""
    return hmac.new(cookie.encode(), b"csrf", hashlib.sha256).hexdigest() if cookie else ""


def person_named(given: str) -> str:
    """The name of a person as it is shown.

    Raises BadRequestError for control characters and for more than 64 characters.
    """
    name = nfc(given.strip())
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise BadRequestError(f"name: at most {_LONGEST_NAME} characters, none of them invisible")
    return name


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def _mac(cookie: str, token: str) -> str:
    return hmac.new(cookie.encode(), token.encode(), hashlib.sha256).hexdigest()
