"""The real pipeline of several workers without processes or a network, on a clock of our own."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from easyai.db import generations, ledger, row_repairs, services
from easyai.db.frames import FrameFilter
from easyai.db.ledger import LeasedFrame
from easyai.domain.frame import FrameState
from easyai.domain.reason import quoted
from easyai.domain.service import ServiceState
from easyai.domain.verdict import CallResult, Verdict
from easyai.pipeline import picture_moves, requeue
from easyai.pipeline.alert_removal import delete_alerts
from easyai.pipeline.answers import Answered
from easyai.pipeline.dispatch import dispatch
from easyai.pipeline.dispatched import Dispatched, Endpoint
from easyai.pipeline.picture_moves import CarriedOut, PictureMove
from easyai.pipeline.service_cache import ServiceCache
from easyai.pipeline.settle import Settled, settle
from easyai.pipeline.transaction import run_transaction
from easyai.registry import registration
from easyai.settings.schema import TRIPWIRE
from tests.support.site import TYPE, Installation, Row

TYPES = (TYPE, TRIPWIRE)
CAMERAS = ("门口1", "门口2", "门口3")
LEASE_SEC = 15.0
BATCH = 3
LONGEST_QUEUE = 8
RETENTION_SEC = 3 * 3600.0
# The types that each endpoint serves; two types share the second endpoint.
ENDPOINTS = {
    "http://127.0.0.1:9/a": (TYPE,),
    "http://127.0.0.1:9/b": TYPES,
    "http://127.0.0.1:9/c": (TRIPWIRE,),
}
_FIRST_PICTURE_AT = 1_700_000_000


class Clock:
    """Stands in for time.time."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        """Unix seconds."""
        return self.now


@dataclass
class Worker:
    """The memory of a worker process; all of it is gone when the process is killed."""

    calls: list[tuple[LeasedFrame, Endpoint]] = field(default_factory=list)
    answered: list[Answered] = field(default_factory=list)
    moves: list[PictureMove] = field(default_factory=list)
    carried: CarriedOut = field(default_factory=CarriedOut)

    def tokens(self) -> list[str]:
        """Its leases, as far as it knows."""
        held = {frame.lease_token for frame, _ in self.calls}
        return sorted(held | {answer.frame.lease_token for answer in self.answered})


@dataclass
class Picture:
    """A picture that a camera wrote; `lost` once a camera or a person has taken it away."""

    number: int
    key: str
    task_type: str
    lost: bool = False

    @property
    def version(self) -> str:
        """The version as in the local store: no two pictures have the same."""
        return f"{(_FIRST_PICTURE_AT + self.number) * 10**9}-{len(self.content)}"

    @property
    def content(self) -> bytes:
        """A whole JPEG by its first and last bytes."""
        return b"\xff\xd8%08d\xff\xd9" % self.number


class World:
    """An installation and its workers; the methods are the steps that may interleave."""

    def __init__(self, folder: Path, database_url: str, clock: Clock) -> None:
        self.clock = clock
        self.limits: dict[str, Any] = {}
        self.site = Installation(folder, database_url, "http://127.0.0.1:9")
        self.set_limits(installation=4, own_type=3)
        self.pictures: list[Picture] = []
        self.workers = [Worker(), Worker(), Worker()]

    def set_limits(self, installation: int, own_type: int, strategy: str = "wait") -> None:
        """The operator changes the limits of the installation and of a type, and its policy."""
        self.limits = {"installation": installation, "type": own_type}
        self.site.configure(
            f'[ai_analysis.types."{TYPE}"]\nmax_concurrent = {own_type}\n',
            lease_sec=LEASE_SEC,
            batch_size=BATCH,
            max_concurrent_infer=installation,
            max_alerts_in_db=0,
            queue_full_strategy=strategy,
            max_queue_size=LONGEST_QUEUE,
            outage_retention_hours=RETENTION_SEC / 3600,
        )

    def write_picture(self, task_type: str, camera: str, name: int) -> Picture:
        """A camera writes a picture, and replaces a picture of that name which is still there."""
        picture = Picture(len(self.pictures), f"{task_type}/{camera}/{name}.jpg", task_type)
        where = self.where_pictures_lie()
        for other in self.pictures:
            other.lost = other.lost or where.get(other.number) == picture.key
        modified_at = float(_FIRST_PICTURE_AT + picture.number)
        self.site.put(picture.key, picture.content, modified_at)
        self.pictures.append(picture)
        return picture

    def take_away(self, picture: Picture) -> None:
        """Somebody removes a picture, wherever it lies."""
        place = self.where_pictures_lie().get(picture.number)
        if place is not None:
            (self.site.snapshots / place).unlink()
            picture.lost = True

    def where_pictures_lie(self) -> dict[int, str]:
        """Keys by the number of the picture."""
        root = str(self.site.snapshots)
        found: dict[int, str] = {}
        for folder, _, names in os.walk(root):
            for name in names:
                path = Path(folder, name)
                number = int(path.read_bytes()[2:-2])
                assert number not in found, f"picture {number} twice: {found[number]} and {path}"
                found[number] = str(path.relative_to(root))
        return found

    def register(self, endpoint: str, max_concurrency: int | None) -> None:
        """A service registers, or registers anew with another limit."""
        body = {
            "service_id": endpoint[-1],
            "task_types": list(ENDPOINTS[endpoint]),
            "endpoint": endpoint,
            "max_concurrency": max_concurrency,
        }
        registration.register(self.site.runtime, body)

    def silence(self, endpoint: str, state: ServiceState) -> None:
        """The sweep finds a service silent."""
        with self.site.runtime.db.write() as conn:
            pks = [row.pk for row in services.find(conn, [endpoint])]
            services.set_state(conn, pks, state, quoted("silent"), self.clock())
            generations.bump_registry(conn)

    def transaction(
        self, worker: Worker, task_type: str, leasing: bool
    ) -> tuple[Settled, Dispatched]:
        """A transaction of a worker's dispatcher, of a single type: record, settle, lease."""
        token = secrets.token_hex(8) if leasing else None
        runtime = self.site.runtime
        group, carried = self._of_type(worker, task_type), worker.carried
        settled, dispatched = run_transaction(
            runtime, group, carried, token, serves=task_type.__eq__
        )
        self.forget(worker, group, carried)
        worker.moves += settled.moves + carried.renamed
        worker.calls += [
            (frame, dispatched.endpoints[frame.service_pk]) for frame in dispatched.frames
        ]
        return settled, dispatched

    def _of_type(self, worker: Worker, task_type: str) -> list[Answered]:
        return [answer for answer in worker.answered if answer.frame.task_type == task_type]

    @staticmethod
    def forget(worker: Worker, group: Sequence[Answered], carried: CarriedOut) -> None:
        """The worker forgets the settled answers and the recorded frames."""
        worker.answered = [answer for answer in worker.answered if answer not in group]
        if worker.carried is carried:
            worker.carried = CarriedOut()

    def turn_unheard(self, worker: Worker, task_type: str) -> Dispatched:
        """A committed turn whose worker sees a lost connection: the worker keeps all."""
        token = secrets.token_hex(8)
        group = self._of_type(worker, task_type)
        runtime, carried = self.site.runtime, worker.carried
        _, leased = run_transaction(runtime, group, carried, token, serves=task_type.__eq__)
        return leased

    def turn_rolled_back(self, worker: Worker, task_type: str) -> None:
        """A turn that fails at its end: the transaction must leave nothing behind."""
        runtime, analysis = self.site.runtime, self.site.runtime.settings.ai_analysis
        group = self._of_type(worker, task_type)
        try:
            with runtime.db.dispatching() as conn:
                picture_moves.note(conn, worker.carried)
                settle(conn, analysis, group, self.clock(), careful=True)
                cache, serves = ServiceCache(), task_type.__eq__
                now = self.clock()
                dispatch(conn, runtime.settings, cache, "rolled-back", now, serves=serves)
                raise PowerCutError
        except PowerCutError:
            return

    def answer(self, worker: Worker, number: int, kind: CallResult, detections: int) -> None:
        """A call of the worker ends."""
        frame, endpoint = worker.calls.pop(number % len(worker.calls))
        exists = self.site.runtime.store.exists(frame.image_key)
        if kind is CallResult.MISSING and exists:
            kind = CallResult.UNFETCHED
        count = detections if kind is CallResult.INFERRED else 0
        verdict = Verdict(
            kind, 5.0, quoted("said so"), {"of": secrets.token_hex(4)}, detection_count=count
        )
        worker.answered.append(Answered(frame, endpoint, verdict))

    def busy(self, number: int) -> Worker:
        """A worker with calls in flight."""
        busy = [worker for worker in self.workers if worker.calls]
        return busy[number % len(busy)]

    def end_calls(self, worker: Worker, answers: Sequence[tuple[CallResult, int]]) -> None:
        """Some of the worker's calls end, each with a number of detections."""
        for kind, detections in answers[: len(worker.calls)]:
            self.answer(worker, detections, kind, detections)

    def carry(self, worker: Worker) -> None:
        """The worker's pictures are moved and deleted."""
        moves, worker.moves = worker.moves, []
        worker.carried.add(picture_moves.carry_out(self.site.runtime.store, moves))

    def renew(self, worker: Worker) -> list[str]:
        """The worker keeps its leases; their tokens."""
        if tokens := worker.tokens():
            with self.site.runtime.db.write() as conn:
                ledger.renew(conn, tokens, self.clock() + LEASE_SEC)
        return tokens

    def stop(self, worker: Worker) -> list[str]:
        """The worker stops normally: it gives unfinished frames back; return the tokens."""
        if tokens := worker.tokens():
            with self.site.runtime.db.write() as conn:
                ledger.give_back(conn, tokens)
        self.kill(worker)
        return tokens

    def kill(self, worker: Worker) -> None:
        """kill -9: its memory is gone; its changes to the disk stay."""
        self.workers[self.workers.index(worker)] = Worker()

    def sweep(self) -> None:
        """The work of the sweep every 5 s."""
        now = self.clock()
        with self.site.runtime.db.write() as conn:
            row_repairs.follow_clock(conn, now, LEASE_SEC)
            row_repairs.pull_back(conn, now)
            ledger.expire(conn, now)
        picture_moves.carry_left_behind(self.site.runtime)

    def requeue(self) -> None:
        """An operator brings every failed frame back."""
        requeue.requeue(self.site.runtime, FrameFilter(state=FrameState.FAILED))

    def delete_alert(self, row: Row) -> None:
        """An operator deletes an alert."""
        delete_alerts(self.site.runtime, [row["id"]])


class PowerCutError(Exception):
    """The end of a process inside of a transaction."""
