"""Endpoints of one service_id, of which one is in use, and what happens to them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from easyai.registry import registration
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.site import Installation

ID = "yolo11x_head_detector_7901"


@pytest.fixture
def homes(site: Installation) -> Iterator[list[AlgorithmStub]]:
    """Three endpoints for the same service id; the first is in use."""
    site.configure(stall_alarm_sec=3600)
    stubs = [AlgorithmStub(ID, answer=lambda frame: detections(0)).start() for _ in range(3)]
    site.register(stubs[0])
    work(site, "before")
    site.execute("UPDATE services SET register_at = register_at - 600, state_since = register_at")
    yield stubs
    for stub in stubs:
        stub.stop()


def work(site: Installation, camera: str, frames: int = 8) -> None:
    """Let frames of a camera arrive and be inferred."""
    site.put_many(frames, camera=camera)
    site.work(site.loop())


def sweeps(site: Installation, count: int = 3, frames: int = 8) -> None:
    """Let frames arrive, send heartbeats by id, and sweep."""
    for number in range(count):
        work(site, f"{time.monotonic_ns()}-{number}", frames)
        registration.heartbeat(site.runtime, ID)
        site.execute("UPDATE services SET next_probe_at = 0 WHERE state = 'offline'")
        sweep(site.runtime)


def passed(site: Installation, seconds: float) -> None:
    """Move all times of the services `seconds` into the past."""
    columns = ("state_since", "register_at", "last_success_at", "last_evidence", "last_heartbeat")
    changes = ", ".join(f"{name} = {name} - {seconds}" for name in columns)
    site.execute(f"UPDATE services SET {changes}")


def state_of(site: Installation, stub: AlgorithmStub) -> tuple[str, str]:
    """The state of an endpoint, and the reason."""
    sql = "SELECT state, state_reason FROM services WHERE endpoint = :endpoint"
    (row,) = site.rows(sql, endpoint=stub.endpoint)
    return row["state"], row["state_reason"]
