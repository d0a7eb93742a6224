"""Which conditions an object store keeps to: tried once with small objects, never assumed.

S3 servers differ. One that ignores a condition does what was asked for all the same: it copies
another picture beside an alert, or deletes a newer one.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from minio import Minio as Client
from minio.commonconfig import CopySource
from minio.error import S3Error

from easyai.store.bucket import Bucket

log = logging.getLogger(__name__)

COPY: Final = "COPY with x-amz-copy-source-if-match"
DELETE: Final = "DELETE with If-Match"
_OTHER: Final = "0" * 32  # the ETag of no object
_REFUSED: Final = "PreconditionFailed"
# Answers of servers that do not know a condition, or have lost an object meanwhile.
_UNPROVEN: Final = ("NotImplemented", "InvalidRequest", "InvalidArgument", "NoSuchKey")


@dataclass(frozen=True, slots=True)
class Kept:
    """The conditions that a server was seen to keep to."""

    copy: bool
    delete: bool

    @property
    def ignored(self) -> tuple[str, ...]:
        """The others, by name."""
        names = ((COPY, self.copy), (DELETE, self.delete))
        return tuple(name for name, kept in names if not kept)


class Conditions:
    """What one process has found out about a bucket; safe between threads."""

    def __init__(self, bucket: Bucket, base_path: str) -> None:
        self._bucket, self._base_path = bucket, base_path
        self._lock = threading.Lock()
        self.known: Kept | None = None  # None: not tried yet

    def kept(self) -> Kept:
        """Tried at the first call; raises StoreUnavailableError, and is tried again then."""
        with self._lock:
            if self.known is None:
                self.known = self._try()
                if self.known.ignored:
                    log.warning(
                        "%s ignores %s: what may have been replaced meanwhile is looked at before "
                        "or after instead, which leaves a gap of milliseconds",
                        self._bucket.where,
                        ", ".join(self.known.ignored),
                    )
            return self.known

    def _try(self) -> Kept:
        bucket = self._bucket.name
        key = f"{self._base_path}.easyai/try-{secrets.token_hex(6)}"
        copy = f"{key}-copy"
        with self._bucket.asking() as client:
            etag = client.put_object(bucket, key, BytesIO(b"easyai"), 6).etag or ""

        def copied(match: str) -> Callable[[Client], object]:
            source = CopySource(bucket, key, match_etag=match)
            return lambda client: client.copy_object(bucket, copy, source)

        def deleted(match: str) -> Callable[[Client], object]:
            return lambda client: remove_if(client, bucket, key, match)

        try:
            copies = self._refuses(copied(_OTHER)) and not self._refuses(copied(etag))
            deletes = self._refuses(deleted(_OTHER)) and not self._refuses(deleted(etag))
        finally:
            for name in (copy, key):
                with suppress(S3Error), self._bucket.asking() as client:  # it has gone already
                    client.remove_object(bucket, name)
        return Kept(copies, deletes)

    def _refuses(self, ask: Callable[[Client], object]) -> bool:
        with self._bucket.asking() as client:
            try:
                ask(client)
            except S3Error as error:
                if error.code not in (_REFUSED, *_UNPROVEN):
                    raise
                return error.code == _REFUSED
        return False


def remove_if(client: Client, bucket: str, key: str, etag: str) -> None:
    """Delete an object that has this ETag; S3Error PreconditionFailed where it has another."""
    # The client's own method takes no condition.
    client._execute("DELETE", bucket, key, headers={"If-Match": f'"{etag}"'})
