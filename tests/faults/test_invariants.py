"""The checks find the faults they are made for: each example has a single fault, which is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.faults import invariants
from tests.faults.conftest import longest_first
from tests.faults.expected import expected
from tests.faults.fleet import Fleet, Request
from tests.faults.ledger_view import LedgerView

KEYS = [f"人数统计/门口1/{number:07d}.jpg" for number in range(200)]
ALERTS = [key for key in KEYS if expected(key).outcome == "alert"]


@dataclass(frozen=True)
class FrameRow:
    """The result of LedgerView.frames."""

    id: int
    key: str
    state: str
    outcome: str | None
    reason: str = ""


@dataclass(frozen=True)
class AlertRow:
    """The result of LedgerView.alerts."""

    frame_id: int
    detection_count: int


@dataclass
class World:
    """The records of a trial without faults."""

    folder: Path
    keys: list[str] = field(default_factory=lambda: list(KEYS))
    rows: list[FrameRow] = field(default_factory=list)
    found: list[AlertRow] = field(default_factory=list)
    received: list[Request] = field(default_factory=list)
    limit: int = 1
    ports: tuple[str, ...] = ("detector-1",)
    max_concurrency: int = 1

    def __post_init__(self) -> None:
        for number, key in enumerate(KEYS):
            outcome, detections = expected(key)
            state = "failed" if outcome == "failed" else "done"
            self.rows.append(FrameRow(number, key, state, None if state == "failed" else outcome))
            if outcome == "alert":
                self.found.append(AlertRow(number, detections))
            self.received.append(Request("detector-1", key, number, number + 0.5, "answered"))
            if outcome != "no_detection":
                self._picture(key, "alerts" if outcome == "alert" else "failed")

    def _picture(self, key: str, folder: str) -> None:
        path = self.folder / folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")

    def frames(self) -> list[FrameRow]:
        """The rows of the ledger."""
        return self.rows

    def alerts(self) -> list[AlertRow]:
        """The alerts."""
        return self.found

    def requests(self) -> list[Request]:
        """The requests that the services received."""
        return self.received

    def check(self) -> invariants.Fates:
        """The checks as a trial makes them."""
        own = cast(Any, self)
        return invariants.check(
            cast(LedgerView, own), self.folder, self.keys, [cast(Fleet, own)], limit=self.limit
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Nothing is wrong in it."""
    return World(tmp_path)


def test_invariants_hold_in_a_correct_world(world: World) -> None:
    fates = world.check()
    assert (fates.put_in, fates.alerts, fates.given_up) == (len(KEYS), len(ALERTS), 0)
    assert fates.no_detection > 0
    assert fates.failed > 0


def _drop_alert(world: World) -> None:
    world.found.pop()


def _double_alert(world: World) -> None:
    world.found.append(world.found[0])


def _change_count(world: World) -> None:
    world.found[0] = replace(world.found[0], detection_count=99)


def _lose_row(world: World) -> None:
    world.rows = [row for row in world.rows if row.key != KEYS[7]]


def _invent_row(world: World) -> None:
    world.rows.append(replace(world.rows[0], id=9999, key="人数统计/门口1/nobody.jpg"))


def _double_row(world: World) -> None:
    world.rows.append(replace(world.rows[0], id=9999))


def _leave_pending(world: World) -> None:
    world.rows[0] = replace(world.rows[0], state="pending", outcome=None)


def _give_up(world: World) -> None:
    world.rows[0] = replace(world.rows[0], state="dropped", outcome="too_old")


def _use_name_twice(world: World) -> None:
    world.keys.append(world.keys[0])


def _lose_picture(world: World) -> None:
    (world.folder / "alerts" / ALERTS[0]).unlink()


def _keep_picture(world: World) -> None:
    path = world.folder / KEYS[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


def _settle_unasked(world: World) -> None:
    world.received = [request for request in world.received if request.key != KEYS[3]]


def _overload_service(world: World) -> None:
    world.received[0] = replace(world.received[0], over_at=1.2)
    world.limit = 2


def _overload_all(world: World) -> None:
    world.received[0] = replace(world.received[0], service_id="detector-2", over_at=1.2)
    world.ports = ("detector-1", "detector-2")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_drop_alert, "detections without an alert"),
        (_double_alert, "frames with two alerts"),
        (_change_count, "alerts with another count"),
        (_lose_row, "frames without a row"),
        (_invent_row, "rows without a frame"),
        (_double_row, "frames with more than one row"),
        (_leave_pending, "frames whose fate is not what the algorithm answered"),
        (_give_up, "frames whose fate is not what the algorithm answered"),
        (_use_name_twice, "the camera used a name twice"),
        (_lose_picture, "pictures that should be kept and are not there"),
        (_keep_picture, "pictures that nothing accounts for"),
        (_settle_unasked, "frames settled without an answer"),
        (_overload_service, "detector-1 had 2 frames at once"),
        (_overload_all, "2 frames in flight over all services, the limit is 1"),
    ],
)
def test_invariants_find_each_violation(
    world: World, spoil: Callable[[World], None], words: str
) -> None:
    spoil(world)
    with pytest.raises(AssertionError, match=words):
        world.check()


@pytest.mark.parametrize(("long", "quick"), [(0, 3), (3, 0), (6, 2), (2, 6), (9, 9)])
def test_ordering_keeps_every_test(long: int, quick: int) -> None:
    names = {"test_storms": long, "test_invariants": quick}
    items = [
        cast(pytest.Item, SimpleNamespace(name=f"{file}-{number}", path=Path(f"{file}.py")))
        for file, count in names.items()
        for number in range(count)
    ]
    assert sorted(item.name for item in longest_first(items)) == sorted(item.name for item in items)
