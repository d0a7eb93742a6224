"""Which conditions an object store obeys: tried with small objects, never assumed.

S3 servers differ. A server that ignores a condition carries out the request anyway: it copies
another picture beside an alert, or deletes a newer picture.
"""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from easyai.s3.client import S3Client
from easyai.s3.client_errors import REFUSED_CONDITION, S3Error
from easyai.store.bucket import Bucket
from easyai.store.condition_names import COPY, DELETE, PUT, TARGET
from easyai.system.side_by_side import alone

log = logging.getLogger(__name__)

_TRUST_SEC: Final = 3600.0  # an operator may replace or change the server
_OTHER: Final = "0" * 32  # the ETag of no object
# Errors of servers that do not know a condition, or that have lost an object meanwhile.
_UNPROVEN: Final = ("NotImplemented", "InvalidRequest", "InvalidArgument", "NoSuchKey")
_CONTENT: Final = b"easyai"
_MARKS: Final = {"content-type": "image/jpeg", "x-amz-meta-easyai-version": _OTHER}  # as of a move


@dataclass(frozen=True, slots=True)
class Kept:
    """The conditions that a server obeyed when they were tried."""

    copy: bool  # a copy has the version that the request names
    delete: bool  # a deleted object has the version that the request names
    target: bool = False  # a copy overwrites nothing
    put: bool = False  # a write overwrites nothing

    @property
    def ignored(self) -> tuple[str, ...]:
        """The names of the conditions that the server ignores."""
        names = ((COPY, self.copy), (DELETE, self.delete), (TARGET, self.target), (PUT, self.put))
        return tuple(name for name, kept in names if not kept)


class Conditions:
    """The conditions that a process has tried on a bucket; safe between threads."""

    def __init__(self, bucket: Bucket, base_path: str) -> None:
        self._bucket, self._base_path = bucket, base_path
        self._lock = threading.Lock()
        self.known: Kept | None = None  # by the last trial; None: not tried yet
        self._expires_at = math.inf  # monotonic
        self._outages = bucket.outages

    @property
    def trusted(self) -> Kept | None:
        """The conditions by the last trial; None after an outage, after an hour, or untried."""
        fresh = self._outages == self._bucket.outages and time.monotonic() < self._expires_at
        return self.known if fresh else None

    def kept(self) -> Kept:
        """Try the conditions unless a trial is trusted; raises StoreUnavailableError."""
        with self._lock:
            kept = self.trusted
            if kept is None:
                outages = self._bucket.outages
                with alone():  # within the lock
                    kept = self._tried()
                self._outages, self._expires_at = outages, time.monotonic() + _TRUST_SEC
                if kept.ignored and kept != self.known:
                    log.warning(
                        "%s ignores %s: easyai looks for replaced pictures before or after the "
                        "request instead, which leaves a gap of milliseconds",
                        self._bucket.where,
                        ", ".join(kept.ignored),
                    )
                self.known = kept
            return kept

    def _tried(self) -> Kept:
        try:
            return self._try()
        except S3Error as error:  # an answer that a trial cannot have: no caller expects it
            raise self._bucket.unavailable(error) from None

    def _try(self) -> Kept:
        key = f"{self._base_path}.easyai/try-{secrets.token_hex(6)}"  # hidden: never a frame
        copy = f"{key}-copy"
        try:
            put = self._keeps_put(key)
            with self._bucket.asking() as client:
                etag = client.head(key).etag
            copies, target = self._keeps_copy(key, copy, etag)
            deletes = self._keeps(
                lambda client: client.delete(key, _OTHER),
                lambda client: client.delete(key, etag),
            )
        finally:
            for name in (copy, key):
                self._remove(name)
        return Kept(copies, deletes, target, put)

    def _keeps_put(self, key: str) -> bool:
        def put(client: S3Client) -> None:
            client.put(key, _CONTENT, "text/plain", new=True)

        kept = not self._refuses(put) and self._refuses(put)
        if not kept:
            with self._bucket.asking() as client:
                client.put(key, _CONTENT, "text/plain")
        return kept

    def _keeps_copy(self, key: str, copy: str, etag: str) -> tuple[bool, bool]:
        """Whether a copy as moves send it has the version, and overwrites nothing.

        A server may obey a condition alone, and not together with another.
        """

        def refuses(etag: str, *, new: bool) -> bool:
            return self._refuses(
                lambda client: client.copy(key, copy, etag=etag, new=new, marks=_MARKS)
            )

        version = refuses(_OTHER, new=True)
        if not version:
            self._remove(copy)
        if not refuses(etag, new=True) and refuses(etag, new=True):
            return version, True
        # Moves send the condition on the source alone.
        return refuses(_OTHER, new=False) and not refuses(etag, new=False), False

    def _keeps(
        self, on_another: Callable[[S3Client], None], on_this: Callable[[S3Client], None]
    ) -> bool:
        """Whether a request with a wrong version is refused, and with the right version is not."""
        return self._refuses(on_another) and not self._refuses(on_this)

    def _refuses(self, ask: Callable[[S3Client], None]) -> bool:
        """Whether the server refuses the condition; False when it does not know the condition."""
        with self._bucket.asking() as client:
            try:
                ask(client)
            except S3Error as error:
                if error.code not in (REFUSED_CONDITION, *_UNPROVEN):
                    raise
                return error.code == REFUSED_CONDITION
        return False

    def _remove(self, key: str) -> None:
        with suppress(S3Error), self._bucket.asking() as client:  # the object is gone already
            client.delete(key)
