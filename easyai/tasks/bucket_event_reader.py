"""The thread of a worker that takes in frames of a bucket when its store gives word of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Final

from easyai.domain.json_text import parsed
from easyai.pipeline.bucket_events import NamedObjects, read_events
from easyai.pipeline.notified import NotifiedPictures, Record
from easyai.pipeline.ownership import Ownership
from easyai.runtime import Runtime
from easyai.settings.schema import Minio
from easyai.store.keys import is_possible
from easyai.system.log_throttle import LogThrottle
from easyai.tasks.intake_thread import STOPS_WITHIN_SEC, IntakeThread
from easyai.tasks.outage import OutageLog

if TYPE_CHECKING:
    from easyai.tasks.event_sources import EventSource

log = logging.getLogger(__name__)

_REMIND_SEC: Final = 3600.0


class BucketEventReader(IntakeThread):
    """Reads the events of the bucket and takes in its pictures, those that wait at once."""

    def __init__(self, runtime: Callable[[], Runtime], record: Record) -> None:
        """`record` records the new pictures and has them inferred."""
        outage = OutageLog(log, "events of the bucket not read, frames wait for the scan")
        super().__init__("bucket-events", outage)
        self._runtime = runtime
        self._record = record
        self._reported = LogThrottle(_REMIND_SEC)

    def _take_in(self) -> bool:
        runtime = self._runtime()
        bucket = runtime.settings.frame_extractor.server
        if bucket is None or not bucket.events_url:
            return False
        # Imported here: two clients that few installations need.
        from easyai.tasks.event_sources import TROUBLE, open_source

        try:
            with closing(open_source(bucket.events_url, bucket.events_name)) as source:
                log.info("events of the bucket are read: name=%s", bucket.events_name)
                while not self._end.is_set() and runtime.settings.frame_extractor.server == bucket:
                    self._read(runtime, bucket, source)
        except TROUBLE as error:
            self._outage.failed(error)
            return False
        return True

    def _read(self, runtime: Runtime, bucket: Minio, source: EventSource) -> None:
        messages = source.read(STOPS_WITHIN_SEC)
        self._outage.worked()
        if not messages:
            return
        keys = [key for key in self._keys(messages, bucket.bucket) if is_possible(key)]
        if keys:
            runtime.part(Ownership).check()
            pictures = runtime.part(NotifiedPictures)
            pictures.record = self._record
            pictures.take(keys)
        source.done()

    def _keys(self, messages: Sequence[bytes], bucket: str) -> list[str]:
        """The new objects of our bucket; logs events of other buckets and other texts."""
        named = [_named(message, bucket) for message in messages]
        others = sum(len(objects.elsewhere) for objects in named if objects)
        for count, what in ((others, "of other buckets"), (named.count(None), "that are no JSON")):
            if count and self._reported.due(what):
                log.warning("events %s are ignored: count=%d", what, count)
        return [key for objects in named if objects for key in objects.keys]


def _named(message: bytes, bucket: str) -> NamedObjects | None:
    try:
        return read_events(parsed(message), bucket)
    except (ValueError, RecursionError):
        return None
