"""The parts of a worker process: opened on first use, after the fork, and closed at shutdown."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any, Final

from easyai.db import admitted_types, clock, task_types
from easyai.domain.wake_turns import WakeTurns
from easyai.tasks.api_wait import ApiWait
from easyai.tasks.doorbell import open_ringing_runtime
from easyai.tasks.outage import OutageLog

if TYPE_CHECKING:
    from easyai.db.recorded_frames import NewFrame
    from easyai.pipeline.frame_log import Counts
    from easyai.pipeline.infer import InferenceLoop
    from easyai.pipeline.recording import Recording
    from easyai.process.presence import Presence
    from easyai.runtime import Runtime
    from easyai.store.frame_store import Picture
    from easyai.tasks.intake_thread import IntakeThread

log = logging.getLogger(__name__)

#: From the stop signal until the frames in flight are returned.
DRAIN_TIMEOUT_SEC: Final = 15.0
_LOOK_EVERY_SEC: Final = 1.0  # whether this process stops, while pictures wait for a transaction


class WorkerProcess:
    """The runtime and the inference loop that all threads of this process share."""

    def __init__(self, app: Any, parent: WorkerProcess | None = None) -> None:
        """`app`: the worker's application; `parent`: the WorkerProcess of the forking process."""
        self._app = app
        # Kept from the garbage collector: closing the parent's connections here would end the
        # parent's sessions at the server, and SQLite would drop the parent's locks.
        self._parent = parent
        self._lock = threading.Lock()
        self._runtime: Runtime | None = None
        self._inference: InferenceLoop | None = None
        self._closing = threading.Lock()
        self._stopping = False
        self._stop_at = float("inf")  # monotonic: when draining must be over
        self._outages: dict[str, OutageLog] = {}
        self.api_wait = ApiWait()
        self._wake_turns = WakeTurns()
        #: Closed just before the connections.
        self.presence: Presence | None = None
        self._intakes: list[IntakeThread] = []

    def runtime(self) -> Runtime:
        """The runtime of this process."""
        with self._lock:
            return self._open()

    def inference(self) -> InferenceLoop:
        """The inference loop of this process."""
        with self._lock:
            from easyai.pipeline.infer import InferenceLoop

            if self._inference is None:
                self._inference = InferenceLoop(self._open(), self._serves)
            return self._inference

    def take_in_frames(self) -> None:
        """Take in frames when the kernel or an object store gives word of them."""
        from easyai.tasks.bucket_event_reader import BucketEventReader
        from easyai.tasks.folder_watcher import FolderWatcher

        with self._lock:
            if not self._intakes and not self._stopping:
                self._intakes = [
                    FolderWatcher(self.runtime, self.record),
                    BucketEventReader(self.runtime, self.record),
                ]
                for intake in self._intakes:
                    intake.start()

    def record(self, recording: Recording, pictures: Sequence[Picture]) -> Sequence[NewFrame]:
        """Have the dispatcher record new pictures and lease them in the same transaction.

        Raises DatabaseUnavailableError, and errors of ours: then nothing is recorded.
        """
        from easyai.pipeline.incoming import Incoming

        inference = self._inference
        if inference is None:
            frames = recording.record(pictures)
            self.runtime().doorbell.ring_all({frame.task_type for frame in frames})
            return frames
        incoming = Incoming(recording, pictures)
        inference.take_in(incoming)
        while not self._stopping:
            # Not by a time-out of `result`: the transaction's own error may be a TimeoutError.
            if wait((incoming.recorded,), _LOOK_EVERY_SEC).done:
                inserted = incoming.recorded.result()
                recording.committed(inserted)
                types = {frame.task_type for frame in inserted.frames}
                self.runtime().doorbell.ring_all(name for name in types if not self._serves(name))
                return inserted.frames
        return ()

    def outage(self, log: logging.Logger, effect: str) -> OutageLog:
        """The log of an outage; each of its lines begins with `effect`."""
        return self._outages.setdefault(effect, OutageLog(log, effect))

    @property
    def stopping(self) -> bool:
        """Whether the shutdown has begun."""
        return self._stopping

    def ask_inference(self, answer: Callable[[], None]) -> bool:
        """Have the inference loop call `answer`; false while there is no loop. Never waits."""
        inference = self._inference
        if inference is None:
            return False
        inference.ask(answer)
        return True

    def overview(self) -> dict[str, Any] | None:
        """The present state of the dispatcher; None before it is opened. Never waits."""
        inference = self._inference
        return None if inference is None else inference.overview()

    def clock_offset_sec(self) -> float | None:
        """Seconds by which this machine's clock is ahead of the database's; None: not known yet."""
        runtime = self._runtime
        return None if runtime is None else clock.known_offset_sec(runtime.db.engine)

    def _open(self) -> Runtime:
        if self._runtime is None:
            self._runtime = open_ringing_runtime(self._app)
        return self._runtime

    def _serves(self, task_type: str) -> bool:
        return bool(self._app.amqp.queues.serves(task_type))

    def task_types(self) -> list[str]:
        """Every known task type."""
        with self.runtime().db.read() as conn:
            return task_types.names(conn)

    def waiting_types(self) -> list[str]:
        """The task types with waiting frames."""
        with self.runtime().db.read() as conn:
            return sorted(admitted_types.waiting(conn))

    def stop_leasing(self) -> None:
        """Begin the shutdown: lease no more frames. Safe in a signal handler."""
        self._stopping = True
        self._stop_at = time.monotonic() + DRAIN_TIMEOUT_SEC
        if self._inference is not None:
            self._inference.stop_leasing()

    def wake(self, task_type: str) -> Counts | None:
        """Have the dispatcher look for frames; returns None when the process is stopping.

        Otherwise returns the counts of the type's frames in this process since the last wake.
        """
        if self._stopping:
            return None
        if not self.api_wait.over:
            from easyai.pipeline.frame_log import Counts

            return Counts()  # once the loop is opened, it looks at all types by itself
        return self.inference().wake(task_type)

    def ring(self, task_types: Sequence[str]) -> None:
        """Wake workers for types whose frames wait, this process's dispatcher without a message.

        A message costs as much as the inference of some frames, so at most a few of the types that
        this process serves get one, in turn: another worker looks as well, and Flower has a row.
        Where the dispatcher of this process hangs, is behind or is not open, each type gets a
        message: a worker elsewhere may serve a single type.
        """
        served = [name for name in task_types if self._serves(name)]
        few = self._wake_turns.take(served)
        inference = None if self._stopping else self._inference
        if len(few) < len(served) and inference is not None and inference.look():
            left_out = set(served).difference(few)
            task_types = [name for name in task_types if name not in left_out]
        self.runtime().doorbell.ring_all(task_types)

    def close(self) -> None:
        """Finish or return the frames in flight, and close every connection.

        Call this when the tasks of this process have ended, or do not end. A second caller waits
        for the first caller.
        """
        with self._closing:
            self._close()

    def _close(self) -> None:
        with self._lock:
            runtime, inference, intakes = self._runtime, self._inference, self._intakes
            self._runtime, self._inference, self._intakes = None, None, []
        try:
            for intake in intakes:
                intake.stop()
            if inference is not None:
                left = self._stop_at - time.monotonic()
                inference.drain(min(max(left, 1.0), DRAIN_TIMEOUT_SEC))
        except Exception:
            # Other workers take the frames in flight.
            log.exception("drain failed; the frames in flight return when their leases expire")
        finally:
            if self.presence is not None:
                self.presence.close()
            if runtime is not None:
                runtime.close()


def process_of(app: Any) -> WorkerProcess:
    """The WorkerProcess of an application; only a worker's application has it."""
    process: WorkerProcess = app.worker_process
    return process
