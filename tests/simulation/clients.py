"""The clients of services: they register, send heartbeats, and find back when taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from easyai.errors import EasyaiError, ServiceNotFoundError
from easyai.registry import registration
from tests.simulation.plan import HEARTBEAT_SEC, RESTART_SEC, ServicePlan

if TYPE_CHECKING:
    from tests.simulation.world import World


class Client:
    """The program of a service, as far as the registry sees it."""

    def __init__(self, world: World, plan: ServicePlan) -> None:
        self._world = world
        self._plan = plan
        self._registered_at = -1.0

    def run(self) -> None:
        """Register, then say for ever that it lives; started anew, it registers again."""
        scheduler, network = self._world.scheduler, self._world.network
        scheduler.sleep(self._plan.start)
        network.add(self._plan)
        while True:
            try:
                if network.is_up(self._plan.endpoint):
                    self._speak()
            except EasyaiError as error:
                self._world.story.note(f"{self._plan.name}: {error}")
            scheduler.sleep(HEARTBEAT_SEC * scheduler.current.rng.uniform(0.5, 1.0))

    def _speak(self) -> None:
        plan, now = self._plan, self._world.scheduler.now
        down_until = self._world.network.down_until.get(plan.endpoint, -1.0)
        if self._registered_at < down_until or self._registered_at < 0:
            self._register()
        elif now < self._world.deaf_until:
            pass
        elif plan.client == "always":
            self._register()
        else:
            self._send_heartbeat()

    def _send_heartbeat(self) -> None:
        plan = self._plan
        try:
            registration.heartbeat(self._world.api, plan.name if plan.by_id else plan.endpoint)
        except ServiceNotFoundError:
            self._world.story.note(f"{plan.name} has been taken out")
            if plan.client == "once":
                self._world.scheduler.sleep(RESTART_SEC)
            self._register()

    def _register(self) -> None:
        plan = self._plan
        body: dict[str, Any] = {
            "service_id": plan.name,
            "task_types": list(plan.task_types),
            "endpoint": plan.endpoint,
        }
        if plan.limit is not None:
            body["max_concurrency"] = plan.limit
        registration.register(self._world.api, body)
        self._registered_at = self._world.scheduler.now
        self._world.story.note(f"{plan.name} registers for {plan.task_types}, limit {plan.limit}")
