"""Pictures that wait for the dispatcher's next transaction, which records and leases them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from sqlalchemy import Connection

from easyai.db import recorded_frames
from easyai.pipeline.recording import Inserted, Recording
from easyai.store.frame_store import Picture


@dataclass(slots=True)
class Incoming:
    """Whole pictures that the ledger does not know, and the answer to the thread that waits."""

    recording: Recording
    pictures: Sequence[Picture]
    inserted: Inserted | None = None  # of the running transaction
    recorded: Future[Inserted] = field(default_factory=Future)

    def insert(self, conn: Connection) -> Inserted:
        """Insert the frames; the transaction begins with `recorded_frames.record_alone`."""
        self.inserted = self.recording.insert(conn, self.pictures)
        return self.inserted

    def committed(self) -> None:
        """Answer after the commit; the waiting thread goes on."""
        if self.inserted is not None:
            self.recorded.set_result(self.inserted)

    def failed(self, error: BaseException) -> None:
        """Answer that nothing was recorded: the scan finds the pictures."""
        self.recorded.set_exception(error)


def record_alone(conn: Connection, incoming: Incoming | None) -> None:
    """Keep others from recording frames, where there are pictures to record."""
    if incoming is not None:
        recorded_frames.record_alone(conn)
