"""Takes in pictures that were sent to this server: into the folder, then into the ledger."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime
from hashlib import blake2b
from typing import Final, NamedTuple

from easyai.db import sent_digests
from easyai.db.recorded_frames import newest_id
from easyai.domain.reason import NO_REASON, Reason
from easyai.domain.unicode_form import nfc
from easyai.errors import BadRequestError, PictureExistsError, StorageFullError
from easyai.messages.catalogue import text
from easyai.pipeline.notified import Fate, NotifiedPictures
from easyai.pipeline.ownership import Ownership
from easyai.pipeline.type_gate import TypeGate
from easyai.runtime import Runtime
from easyai.store.frame_store import PictureFiles
from easyai.store.local_arrival import write_picture

_LONGEST_PART: Final = 200  # bytes of a name; a key has three, and 1,024 bytes
_KINDS: Final = ((b"\xff\xd8\xff", ".jpg"), (b"\x89PNG\r\n\x1a\n", ".png"))
_SUFFIXES: Final = {".jpg": (".jpg", ".jpeg"), ".png": (".png",)}


class Sent(NamedTuple):
    """The outcome for a sent picture."""

    key: str
    is_new: bool  # whether the picture was written now
    fate: Fate
    reason: Reason


class SentPictures:
    """Writes sent pictures; a picture that is sent again has the same answer."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        # The digest of each picture sent lately, by key: it may be inferred and gone by now. The
        # database has them, too, for the time after a restart.
        self._sent: OrderedDict[str, str] = OrderedDict()

    def receive(self, task_type: str, task_id: str, name: str, content: bytes) -> Sent:
        """Write a picture and record it as a frame, unless the scan has to.

        An empty name means the present time. Raises BadRequestError, PictureExistsError,
        StorageFullError, StoreUnavailableError, StoreClaimedError and DatabaseUnavailableError;
        after an error of the database the scan takes the picture in.
        """
        store = self._runtime.store
        if not isinstance(store, PictureFiles):
            raise BadRequestError(
                "body: the frames lie in an object store; put the picture there, then send its key"
            )
        suffix = _suffix(content)
        folders = _part("task_type", nfc(task_type)), _part("task_id", nfc(task_id))
        key = "/".join((*folders, _filename(name, suffix)))
        if refusal := self._runtime.part(NotifiedPictures).refusal(key):
            raise BadRequestError(f"{key}: {text(refusal)}")
        is_new = self._write(store, key, content)
        return Sent(key, is_new, *self._taken(key))

    def _taken(self, key: str) -> tuple[Fate, Reason]:
        taken = self._runtime.part(NotifiedPictures).take([key])
        if taken.task_types:
            self._runtime.doorbell.ring_all(sorted(taken.task_types))
        fate, reason = taken.fates[key]
        # The picture was written: when it has gone, it was inferred.
        return (Fate.KNOWN, NO_REASON) if fate is Fate.REFUSED else (fate, reason)

    def _write(self, store: PictureFiles, key: str, content: bytes) -> bool:
        """Write a picture, unless it was sent before; whether it is new."""
        digest = blake2b(content, digest_size=16).hexdigest()
        with self._lock:
            known = self._sent.get(key) or self._sent_before(key)
            if known:
                if known != digest:
                    raise PictureExistsError
                return False
            self._require_disk(store)
            self._require_place(key)
            # Before the picture: no crash between the two leaves a picture that is not remembered.
            with self._runtime.db.write() as conn:
                sent_digests.remember(conn, key, digest)
            is_new = write_picture(store.root, key, content)
            self._remember(key, digest)
            return is_new

    def _sent_before(self, key: str) -> str:
        """The digest of the picture that an earlier process has written under a key, or ''."""
        with self._runtime.db.read() as conn:
            before = sent_digests.find(conn, key)
        return before.digest if before is not None and before.recorded else ""

    def _require_disk(self, store: PictureFiles) -> None:
        """Make sure that the disk is mounted and has the room that parked frames must leave.

        The first picture would make a bare mount point look like the frame folder. Raises
        StoreUnavailableError or StorageFullError.
        """
        with self._runtime.db.read() as conn:
            has_frames = newest_id(conn) > 0
        if has_frames:
            store.require_mounted()  # a new installation begins with an empty folder
        self._runtime.part(Ownership).check()  # only now: it may write a claim
        free = self._runtime.store.free_percent()
        if free is not None and free < self._runtime.settings.ai_analysis.disk_min_free_percent:
            raise StorageFullError

    def _require_place(self, key: str) -> None:
        """Admit the task type, last: a type without a picture takes no place of another."""
        if not self._runtime.part(TypeGate).admit([key.partition("/")[0]]):
            raise BadRequestError(f"{key}: {text(Reason('incoming.types_full'))}")

    def _remember(self, key: str, digest: str) -> None:
        self._sent[key] = digest
        if len(self._sent) > sent_digests.MOST:
            self._sent.popitem(last=False)


def _suffix(content: bytes) -> str:
    for start, suffix in _KINDS:
        if content.startswith(start):
            return suffix
    raise BadRequestError("body: send the content of a JPEG or PNG file")


def _filename(name: str, suffix: str) -> str:
    if not name:
        now = datetime.now()  # noqa: DTZ005 - frames are named in local time
        return f"{now:%Y%m%d-%H%M%S}.{now.microsecond // 1000:03d}{suffix}"
    part = _part("name", name)
    if not part.lower().endswith(_SUFFIXES[suffix]):
        raise BadRequestError(f"name: ends with {suffix} for this content")
    return part


def _part(field: str, value: str) -> str:
    """A part of a key. Raises BadRequestError for a value that is no name of a file."""
    if not value or value.startswith(".") or "/" in value or not value.isprintable():
        raise BadRequestError(f"{field}: send a name without '/', not hidden")
    if len(value.encode("utf-8", "replace")) > _LONGEST_PART:
        raise BadRequestError(f"{field}: longer than {_LONGEST_PART} bytes")
    return value
