"""The smallest failing plan is found, and is a possible plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulation import shrink
from tests.simulation.draw import draw
from tests.simulation.plan import Fault, Plan
from tests.simulation.world import Outcome, World


class _Stub:
    """A world that fails when camera 1 is there while something kills a worker."""

    plans: list[Plan]

    def __init__(self, plan: Plan, _: frozenset[str]) -> None:
        self._plan = plan
        self.plans.append(plan)

    def run(self) -> Outcome:
        names = {camera.name for camera in self._plan.cameras}
        kinds = {fault.kind for fault in self._plan.faults}
        if "门口1" in names and "kill_worker" in kinds:
            return Outcome(["lost: a picture"])
        # Another kind of violation is another defect: it must not lead astray.
        return Outcome(["late: others"] if "门口0" in names else [])


def _plan() -> Plan:
    plan = draw(4)
    camera = plan.cameras[0]
    cameras = tuple(replace(camera, name=f"门口{number}", count=9) for number in range(5))
    kinds = ("suspend", "kill_worker", "clock_jump", "requeue")
    return replace(
        plan,
        machines=3,
        offsets=(20.0, -20.0, 3600.0),
        drifts=(0.001, 0.0, 0.0),
        cameras=cameras,
        faults=tuple(Fault(float(at), kind) for at, kind in enumerate(kinds)),
        settings={**plan.settings, "types": {"人数统计": {"max_concurrent": 1}}},
    )


def test_shrink_keeps_only_the_parts_of_a_plan_that_the_failure_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _Stub.plans = []
    monkeypatch.setattr(shrink, "World", _Stub)
    left = shrink.shrink(_plan(), "lost", frozenset())
    assert [camera.name for camera in left.cameras] == ["门口1"]
    assert [fault.kind for fault in left.faults] == ["kill_worker"]
    assert left.services == ()
    assert left.cameras[0].count == 1
    assert (left.machines, left.workers, left.beats) == (1, 1, 1)
    assert not any((*left.offsets, *left.drifts))
    assert left.settings["types"] == {}
    assert len(_Stub.plans) <= 150


def test_shrink_ends_after_the_given_number_of_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    _Stub.plans = []
    monkeypatch.setattr(shrink, "World", _Stub)
    left = shrink.shrink(_plan(), "lost", frozenset(), most_runs=5)
    assert len(_Stub.plans) == 5
    assert {"门口1"} <= {camera.name for camera in left.cameras}


def test_plan_with_fewer_machines_has_fewer_clocks() -> None:
    world = World(replace(_plan(), machines=1, store="s3"))
    assert [machine.offset for machine in world.machines] == [20.0]
