"""The faults of a run: each kind of fault of the plan is a method of its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from easyai.db.frames import FrameFilter
from easyai.domain.frame import FrameState
from easyai.errors import EasyaiError
from easyai.pipeline import requeue
from easyai.registry import unregistration
from tests.simulation import pipeline
from tests.simulation.checks import rows_of
from tests.simulation.plan import Fault
from tests.simulation.scheduler import Process

if TYPE_CHECKING:
    from tests.simulation.world import World


class Faults:
    """The faults of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._scheduler = world.scheduler

    def happen(self, fault: Fault) -> None:
        """Wait for its time, then let it happen."""
        self._scheduler.sleep(fault.at)
        self._world.story.note(f"FAULT {fault}")
        self._world.monitor.trouble(fault.seconds)
        handler: Callable[[Fault], None] = getattr(self, f"_{fault.kind}")
        try:
            handler(fault)
        except EasyaiError as error:
            self._world.story.note(f"{fault.kind}: {error}")

    def _kill_worker(self, fault: Fault) -> None:
        number = fault.target % len(self._world.workers)
        self._scheduler.kill(self._world.workers[number])
        self._scheduler.sleep(fault.seconds)
        if not self._world.workers[number].alive:
            self._world.start_worker(number)

    def _kill_beat(self, fault: Fault) -> None:
        number = fault.target % len(self._world.beats)
        self._scheduler.kill(self._world.beats[number])
        self._scheduler.sleep(fault.seconds)
        if not self._world.beats[number].alive:
            self._world.start_beat(number)

    def _kill_everything(self, fault: Fault) -> None:
        for process in (*self._world.workers, *self._world.beats):
            self._scheduler.kill(process)
        self._scheduler.sleep(fault.seconds)
        for number in range(len(self._world.workers)):
            self._world.start_worker(number)
        for number in range(len(self._world.beats)):
            self._world.start_beat(number)

    def _freeze_worker(self, fault: Fault) -> None:
        self._freeze([self._world.workers[fault.target % len(self._world.workers)]], fault.seconds)

    def _freeze(self, processes: list[Process], seconds: float) -> None:
        now = self._scheduler.now
        for process in processes:
            if process.frozen_until <= now:
                process.frozen_since = now
            # A pause within a longer pause ends with the longer pause: its actors sleep until then.
            process.frozen_until = max(process.frozen_until, now + seconds)

    def _suspend(self, fault: Fault) -> None:
        machine = self._world.machines[fault.target % len(self._world.machines)]
        machine.suspended += fault.seconds
        on_it = [
            process
            for process in (*self._world.workers, *self._world.beats)
            if process.machine is machine
        ]
        self._freeze(on_it, fault.seconds)

    def _clock_jump(self, fault: Fault) -> None:
        self._world.machines[fault.target % len(self._world.machines)].offset += fault.seconds

    def _database_down(self, fault: Fault) -> None:
        self._world.database.down_until = self._scheduler.now + fault.seconds

    def _store_down(self, fault: Fault) -> None:
        until = self._scheduler.now + fault.seconds
        self._world.site.files.down_until = self._world.site.objects.down_until = until

    def _no_heartbeats(self, fault: Fault) -> None:
        self._world.deaf_until = self._scheduler.now + fault.seconds

    def _service_dies(self, fault: Fault) -> None:
        if self._world.plan.services:
            service = self._world.plan.services[fault.target % len(self._world.plan.services)]
            self._world.network.down_until[service.endpoint] = self._scheduler.now + fault.seconds

    def _unregister(self, fault: Fault) -> None:
        """An operator takes a service out; its client finds out, or not."""
        if self._world.plan.services:
            service = self._world.plan.services[fault.target % len(self._world.plan.services)]
            name = service.name if service.by_id else service.endpoint
            unregistration.unregister(self._world.api, name)

    def _clear_all(self, _: Fault) -> None:
        unregistration.clear_all(self._world.api)

    def _leave(self, fault: Fault) -> None:
        """A service stops as it should, and is started again later."""
        self._service_dies(fault)
        self._unregister(fault)

    def _leave_all(self, fault: Fault) -> None:
        for number in range(len(self._world.plan.services)):
            left = max(0.0, fault.at + fault.seconds - self._scheduler.now)
            try:
                self._leave(replace(fault, target=number, seconds=left))
            except EasyaiError as error:
                self._world.story.note(f"leave: {error}")

    def _requeue(self, _: Fault) -> None:
        requeue.requeue(self._world.api, FrameFilter(state=FrameState.FAILED))

    def _delete_alert(self, fault: Fault) -> None:
        with self._world.database.looking() as conn:
            found = rows_of(conn, "SELECT id, frame_id FROM alerts ORDER BY id")
        if found:
            row = found[fault.target % len(found)]
            self._world.deleted.add(row["frame_id"])
            pipeline.delete_alerts(self._world.api, [row["id"]])

    def _take_away(self, fault: Fault) -> None:
        keys = sorted(self._world.album.at_key)
        if keys:
            key = keys[fault.target % len(keys)]
            self._world.album.replace(key, self._scheduler.now)
            self._world.album.taken_away.add(key)
            self._world.site.remove(key)
