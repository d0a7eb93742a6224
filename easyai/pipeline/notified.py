"""Takes in pictures that somebody named, at once: the rules and the ledger are those of the scan.

Word of a picture proves nothing: the picture is looked at, and recorded only when it is whole, new
and in place. What is left out here is found by the scan.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from easyai.db.recorded_frames import NewFrame
from easyai.domain.frame import FrameKey
from easyai.domain.reason import NO_REASON, Reason
from easyai.pipeline.frame_log import EVERY_SEC
from easyai.pipeline.known_pictures import KnownPictures, NewestId
from easyai.pipeline.layout import Layout
from easyai.pipeline.recording import Recording
from easyai.pipeline.resurfaced import send_back
from easyai.pipeline.scan_sampling import Sampler
from easyai.pipeline.type_gate import TypeGate
from easyai.runtime import Runtime
from easyai.store.frame_store import Picture
from easyai.system.log_throttle import LogThrottle

log = logging.getLogger(__name__)

Record = Callable[[Recording, Sequence[Picture]], Sequence[NewFrame]]
_PAGE: Final = 1000  # pictures that are recorded in a transaction


class Fate(StrEnum):
    """What became of the word of a picture."""

    ACCEPTED = "accepted"  # recorded as a new frame
    KNOWN = "known"  # the ledger has the picture
    LATER = "later"  # not whole, or has its turn with the scan
    REFUSED = "refused"  # no frame, or not in the store


@dataclass(slots=True)
class Taken:
    """What became of the pictures named in a call."""

    fates: dict[str, tuple[Fate, Reason]] = field(default_factory=dict)  # by key
    task_types: set[str] = field(default_factory=set)  # with new frames

    def note(self, keys: Iterable[str], fate: Fate, reason: Reason = NO_REASON) -> None:
        """Note the fate of keys."""
        self.fates.update(dict.fromkeys(keys, (fate, reason)))


class NotifiedPictures:
    """Records named pictures; safe between threads, and beside the scans of all processes."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        #: Records in a transaction of its own, until a dispatcher takes that over.
        self.record: Record = Recording.record
        self._lock = threading.Lock()
        self._known = KnownPictures(
            runtime.db, runtime.part(NewestId), stale_listings=runtime.store.remote
        )
        self._watch = runtime.store.watch()
        self._layout = Layout(runtime)
        self._recording = Recording(runtime, self._known, runtime.part(Sampler))
        self._found = LogThrottle(EVERY_SEC)

    def take(self, keys: Collection[str]) -> Taken:
        """Record the whole and new pictures among these keys.

        Raises StoreUnavailableError or DatabaseUnavailableError; pictures before the error may be
        recorded, and none of them is recorded twice.
        """
        taken = Taken()
        if not self._runtime.settings.ai_analysis.enable:
            taken.note(keys, Fate.LATER, Reason("incoming.switched_off"))
            return taken
        with self._lock:
            ordered = list(dict.fromkeys(keys))
            for start in range(0, len(ordered), _PAGE):
                self._take(ordered[start : start + _PAGE], taken)
        return taken

    def refusal(self, key: str) -> Reason:
        """Why the picture of a key would not be taken in; NO_REASON when it would.

        Does not ask whether the task type has a place. Raises DatabaseUnavailableError.
        """
        taken = Taken()
        with self._lock:
            self._layout.begin()
            self._frames([key], taken)
        fate, reason = taken.fates.get(key, (Fate.ACCEPTED, NO_REASON))
        return reason if fate is Fate.REFUSED else NO_REASON

    def _take(self, keys: Sequence[str], taken: Taken) -> None:
        self._known.prepare(keys)  # before any look at the store
        if self._known.went_back:
            send_back(self._runtime)
            self._known.went_back = False  # only now: after an error, the next word tries again
        self._layout.begin()
        frames = self._frames(keys, taken)
        plain = [key for key in frames if not self._known.lately(key)]
        self._record(plain, (), taken)
        # Looked at twice, with a pause: another picture had their names a moment ago.
        self._record([key for key in frames if key not in taken.fates], frames, taken)

    def _frames(self, keys: Sequence[str], taken: Taken) -> list[str]:
        """The keys that may be new frames; notes the fates of the others."""
        wanted = []
        for frame in (self._parse(key, taken) for key in keys):
            if frame is None:
                continue
            if self._runtime.settings.ai_analysis.affinity(frame.task_type):
                # Only the scan knows whether older pictures of the camera wait in the store.
                taken.note([frame.key], Fate.LATER, Reason("incoming.in_order"))
            else:
                wanted.append(frame.key)
        return wanted

    def _parse(self, key: str, taken: Taken) -> FrameKey | None:
        """The frame of a key; None, with its fate noted, where it is no new frame."""
        frame = self._runtime.store.rules.parse(key)
        if key in self._known:
            taken.note([key], Fate.KNOWN)
        elif frame is None:
            if self._runtime.store.rules.is_stray_picture(key):
                self._layout.stray(key)
            taken.note([key], Fate.REFUSED, Reason("incoming.no_frame"))
        elif self._layout.is_dated(frame):
            taken.note([key], Fate.REFUSED, Reason("incoming.date_folder"))
        else:
            return frame
        return None

    def _record(self, keys: Sequence[str], wary: Collection[str], taken: Taken) -> None:
        if not keys:
            return
        stable_sec = self._runtime.settings.ai_analysis.frame_stable_sec
        pictures = self._watch.whole_pictures(keys, stable_sec, wary)
        half_written = set(self._watch.unfinished)
        if half_written:
            self._watch = self._runtime.store.watch()  # the scan goes on to look at them
        taken.note(half_written.intersection(keys), Fate.LATER, Reason("incoming.half_written"))
        new = [picture for picture in pictures if not self._known.has(picture.key, picture.version)]
        taken.note([picture.key for picture in pictures], Fate.KNOWN)
        if admitted := self._admitted(new, taken):
            self._note_new(admitted, taken)
        gone = [key for key in keys if key not in taken.fates]
        taken.note(gone, Fate.REFUSED, Reason("incoming.not_there"))

    def _admitted(self, new: Sequence[Picture], taken: Taken) -> list[Picture]:
        """The pictures whose types have a place; asked only for pictures that exist."""
        types = {picture.key: self._type_of(picture.key) for picture in new}
        admitted = self._runtime.part(TypeGate).admit(types.values())
        refused = [key for key, task_type in types.items() if task_type not in admitted]
        taken.note(refused, Fate.REFUSED, Reason("incoming.types_full"))
        return [picture for picture in new if types[picture.key] in admitted]

    def _type_of(self, key: str) -> str:
        frame = self._runtime.store.rules.parse(key)
        return "" if frame is None else frame.task_type

    def _note_new(self, new: Sequence[Picture], taken: Taken) -> None:
        frames = self.record(self._recording, new)
        taken.note([frame.key for frame in frames], Fate.ACCEPTED)
        taken.task_types.update(frame.task_type for frame in frames)
        found = self._found.due(count=len(frames))
        if found:
            log.info("found new images: count=%d", found)
