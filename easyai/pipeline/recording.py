"""Records whole pictures that a scan found as new frames, a page in each transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from easyai.db import admission_rows, camera_hours, clock, recorded_frames, statistics, totals
from easyai.db.pictures import Uncarried
from easyai.db.recorded_frames import NewFrame
from easyai.db.statistics import Tally
from easyai.domain.frame import Outcome, captured_at, written_at
from easyai.domain.outcome_totals import Totals
from easyai.pipeline.admission_drops import delete
from easyai.pipeline.known_pictures import KnownPictures
from easyai.pipeline.scan_sampling import Sampler
from easyai.runtime import Runtime
from easyai.store.frame_store import Picture


@dataclass(frozen=True, slots=True)
class Inserted:
    """The frames that a transaction has inserted."""

    frames: list[NewFrame]
    tallies: Mapping[str, Tally]  # by task type, for the statistics
    totals: Totals
    newest_id: int
    unwanted: Sequence[Uncarried]  # of frames that were sampled out


class Recording:
    """Records the pictures of a scanner."""

    def __init__(self, runtime: Runtime, known: KnownPictures, sampler: Sampler) -> None:
        self._runtime = runtime
        self._known = known
        self._sampler = sampler

    def record(self, pictures: Sequence[Picture]) -> list[NewFrame]:
        """Record a page of pictures in order of capture; returns the new frames.

        Raises DatabaseUnavailableError, and then changes nothing.
        """
        with self._runtime.db.write() as conn:
            recorded_frames.record_alone(conn)
            inserted = self.insert(conn, pictures)
            now = clock.now(conn)
            statistics.add(conn, inserted.tallies, now)
            totals.add_frames(conn, inserted.totals, now)
            camera_hours.add(conn, inserted.totals.cameras, now)
        self.committed(inserted)
        return inserted.frames

    def insert(self, conn: Connection, pictures: Sequence[Picture]) -> Inserted:
        """Insert the new frames of a page, in a transaction that records alone.

        The caller adds the tallies and totals in the same transaction.
        """
        # Another scanner may have recorded a picture meanwhile; its frame may be over by now.
        self._known.catch_up(conn)
        now = clock.now(conn)
        frames = self._in_order_of_capture(pictures, now)
        kept, sampled = self._sampler.split(conn, frames)
        recorded_frames.add(conn, kept, now)
        unwanted = admission_rows.add_sampled(conn, sampled, now)
        counts = Counter(frame.task_type for frame in frames)
        out = Counter(frame.task_type for frame in sampled)
        tallies = {name: Tally(found=n, sampled=out[name]) for name, n in counts.items()}
        newest_id = recorded_frames.newest_id(conn)
        return Inserted(frames, tallies, _sampled(sampled), newest_id, unwanted)

    def committed(self, inserted: Inserted) -> None:
        """Remember the frames, and delete the pictures that were sampled out; after the commit."""
        self._known.note(inserted.frames, inserted.newest_id)
        delete(self._runtime, inserted.unwanted)

    def _in_order_of_capture(self, pictures: Sequence[Picture], now: float) -> list[NewFrame]:
        affinity = self._runtime.settings.ai_analysis.affinity
        frames = []
        for picture in pictures:
            key = self._runtime.store.rules.parse(picture.key)
            if key is None or self._known.has(picture.key, picture.version):
                continue
            captured = captured_at(key.filename, written_at(picture.modified_at, now))
            stream = key.task_id if affinity(key.task_type) else None
            frame = NewFrame(key.key, key.task_type, key.task_id, picture.version, captured, stream)
            frames.append((captured, picture.modified_at, key.key, frame))
        frames.sort(key=lambda entry: entry[:3])
        return [frame for _, _, _, frame in frames]


def _sampled(frames: Sequence[NewFrame]) -> Totals:
    counted = Totals()
    for frame in frames:
        counted.settled(frame.task_type, Outcome.SAMPLED)
        counted.cameras[frame.task_id, frame.task_type, str(Outcome.SAMPLED)] += 1
    return counted
