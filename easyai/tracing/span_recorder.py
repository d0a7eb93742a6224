"""Tracing of a process: records events without waiting; a thread makes spans of them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from queue import Full, Queue
from typing import TYPE_CHECKING, Final, Protocol

from easyai.system.log_throttle import LogThrottle
from easyai.tracing.ids import TraceIds, trace_ids
from easyai.tracing.journey import Call, Publication, Transaction

if TYPE_CHECKING:
    from easyai.tracing.sdk import Sdk

log = logging.getLogger(__name__)

_MOST_NOTES: Final = 1000  # transactions and publications
_MOST_FRAMES: Final = 20_000  # in all notes that wait; a transaction may have 500
_TRY_AGAIN_SEC: Final = 2.0
_CLOSE_SEC: Final = 2.0


class Ledger(Protocol):
    """Queries that tracing makes; each raises DatabaseUnavailableError."""

    def installation_id(self) -> str:
        """The id of this installation."""

    def times(self, frame_ids: Sequence[int]) -> Mapping[int, tuple[float, float]]:
        """When frames were captured and found."""

    def frames(self, alert_ids: Sequence[int]) -> Mapping[int, int]:
        """The frames of alerts."""

    def now(self) -> float:
        """The database's time, estimated without a query."""


class Tracing:
    """The tracing of a process; `close` sends the waiting spans, within a time limit.

    No frame is traced until the SDK is loaded and the installation's id is read.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._installation_id = ""
        self._sdk: Sdk | None = None  # set last: then everything else is set
        self._notes: Queue[Transaction | Publication | None] = Queue(_MOST_NOTES)
        self._frames = 0  # in the notes that wait
        self._frames_lock = threading.Lock()
        self._ended = threading.Event()
        self._throttle = LogThrottle()
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    @property
    def now(self) -> float | None:
        """The clock of the spans; None after an error, which is logged."""
        try:
            return self._ledger.now()
        except Exception as error:  # noqa: BLE001 - traces must end nothing
            self._failed(error)
            return None

    def call(self, frame_id: int, endpoint: str, leased_sec_ago: float) -> Call | None:
        """Begin to trace a call; None if its frame is not sampled.

        An error is logged, and the frame is not traced.
        """
        try:
            return self._begin(frame_id, endpoint, leased_sec_ago)
        except Exception as error:  # noqa: BLE001 - traces must end nothing
            self._failed(error)
            return None

    def end(self, call: Call, kind: str) -> Call | None:
        """The call with its end time; None after an error: then its frame is not traced."""
        now = self.now
        if now is None:
            return None
        call.end(now, kind)
        return call

    def _begin(self, frame_id: int, endpoint: str, leased_sec_ago: float) -> Call | None:
        sdk = self._sdk
        if sdk is None:
            return None
        ids = trace_ids(self._installation_id, frame_id)
        if not sdk.sampled(ids.trace_id):
            return None
        now = self._ledger.now()
        return Call(ids, now - leased_sec_ago, now, endpoint)

    def note(self, note: Transaction | Publication) -> None:
        """Queue a transaction or publication for the thread; dropped when the queue is full."""
        if self._sdk is None:
            return
        if not self._put(note):
            self._report(
                "traces are dropped, frames go on: more than can be made; lower "
                "OTEL_TRACES_SAMPLER_ARG"
            )

    def _put(self, note: Transaction | Publication) -> bool:
        with self._frames_lock:
            if self._frames + note.frames > _MOST_FRAMES:
                return False
            try:
                self._notes.put_nowait(note)
            except Full:
                return False
            self._frames += note.frames
        return True

    def close(self) -> None:
        """End the thread, and send the waiting spans."""
        self._ended.set()
        try:
            self._notes.put_nowait(None)
        except Full:
            log.debug("traces not made before the end: %d", self._notes.qsize())
        self._thread.join(_CLOSE_SEC)
        if self._sdk is not None:
            self._sdk.close()

    def _run(self) -> None:
        while not self._open():
            if self._ended.wait(_TRY_AGAIN_SEC):
                return
        while (note := self._notes.get()) is not None:
            with self._frames_lock:
                self._frames -= note.frames
            try:
                self._make(note)
            except Exception as error:  # noqa: BLE001 - traces must end nothing
                self._failed(error)

    def _open(self) -> bool:
        try:
            from easyai.tracing.sdk import Sdk  # takes a third of a second, in a thread of its own

            self._installation_id = self._ledger.installation_id()
            self._ledger.now()  # so that the clock is known
            self._sdk = Sdk()
        except Exception as error:  # noqa: BLE001 - a variable's value, or the database
            self._report(f"no traces yet: {type(error).__name__}: {error}")
            return False
        log.info("traces of frames are sent as the OTEL_ variables say")
        return True

    def _make(self, note: Transaction | Publication) -> None:
        from easyai.tracing import spans

        if self._sdk is None:
            return
        if isinstance(note, Transaction):
            ids = [attempt.frame_id for attempt in note.attempts]
            spans.make_transaction(self._sdk, note, self._ledger.times(ids))
        else:
            spans.make_publication(self._sdk, note, self._traced(note))

    def _traced(self, publication: Publication) -> dict[int, TraceIds]:
        traced: dict[int, TraceIds] = {}
        for alert_id, frame_id in self._ledger.frames(publication.alert_ids).items():
            ids = trace_ids(self._installation_id, frame_id)
            if self._sdk is not None and self._sdk.sampled(ids.trace_id):
                traced[alert_id] = ids
        return traced

    def _failed(self, error: Exception) -> None:
        self._report(f"a trace is not made, frames go on: {type(error).__name__}: {error}")

    def _report(self, text: str) -> None:
        if self._throttle.due():
            log.warning("%s", text)
