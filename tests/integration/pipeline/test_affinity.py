"""Types with affinity: frames of a camera run singly, in order, at the same endpoint."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest

from easyai.domain.choice import choose_for_camera
from easyai.domain.service import Candidate
from easyai.settings.schema import TRIPWIRE
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub, Frame, detections
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

CAMERAS = [f"门口{number}" for number in range(8)]


@pytest.fixture
def stubs() -> list[AlgorithmStub]:
    """Three services of the type, not yet listening."""
    return [AlgorithmStub(f"s{number}", task_types=(TRIPWIRE,)) for number in range(3)]


def _record(site: Installation, count: int, cameras: list[str] = CAMERAS) -> None:
    for camera in cameras:
        site.record(count, TRIPWIRE, camera, stream=camera)


def test_affinity_runs_frames_of_a_camera_singly_in_order_at_a_single_endpoint(
    site: Installation, stubs: list[AlgorithmStub]
) -> None:
    running: dict[str, int] = defaultdict(int)
    together: list[int] = []

    async def answer(frame: Frame) -> object:
        running[frame["task_id"]] += 1
        together.append(running[frame["task_id"]])
        await asyncio.sleep(0.005)
        running[frame["task_id"]] -= 1
        return detections(0)

    for stub in stubs:
        stub.answer = answer
        stub.start()
        site.register(stub)
    keys = {camera: site.put_many(12, TRIPWIRE, camera) for camera in CAMERAS}
    site.work(site.loop(), TRIPWIRE)
    for stub in stubs:
        stub.stop()
    assert max(together) == 1
    for camera, own in keys.items():
        at = [[path for path in stub.image_paths if f"/{camera}/" in path] for stub in stubs]
        assert sorted(at) == [[], [], own], "in order, all at one endpoint"
    assert sum(1 for stub in stubs if stub.count) > 1


def test_camera_with_affinity_continues_without_another_wake(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.task_types = (TRIPWIRE,)
    site.register(algorithm)
    _record(site, 20, CAMERAS[:2])
    assert site.loop().pump(TRIPWIRE, 30.0).frames == 40


def test_older_frame_found_later_is_leased_first(site: Installation) -> None:
    site.register(AlgorithmStub(task_types=(TRIPWIRE,)))
    site.record(1, TRIPWIRE, "门口1", stream="门口1")
    site.execute("UPDATE frames SET captured_at = 100")
    site.record(1, TRIPWIRE, "门口1", stream="门口1")
    (first,) = site.lease(TRIPWIRE).frames
    assert first.id == site.frames()[1]["id"]


def test_frame_in_flight_blocks_only_its_camera(site: Installation) -> None:
    site.register(AlgorithmStub(task_types=(TRIPWIRE,)))
    _record(site, 3, CAMERAS[:2])
    assert len(site.lease(TRIPWIRE, most=1).frames) == 1
    assert len(site.lease(TRIPWIRE).frames) == 1
    assert site.lease(TRIPWIRE).frames == []


def test_frame_in_backoff_blocks_only_its_camera(site: Installation) -> None:
    site.register(AlgorithmStub(task_types=(TRIPWIRE,)))
    _record(site, 3, CAMERAS[:2])
    head = site.frames()[0]
    site.execute("UPDATE frames SET due_at = due_at + 60 WHERE id = :id", id=head["id"])
    (only,) = site.lease(TRIPWIRE).frames
    assert only.task_id == CAMERAS[1]


def test_preferred_endpoint_is_used_while_it_is_online(
    site: Installation, stubs: list[AlgorithmStub]
) -> None:
    pks = [site.register(stub) for stub in stubs]
    tasks = [
        f'[[frame_extractor.tasks]]\nid = "{camera}"\ntask_type = "{TRIPWIRE}"\n'
        f'preferred_algorithm_endpoint = "{stubs[2].endpoint}"'
        for camera in CAMERAS
    ]
    site.configure("\n".join(tasks))
    _record(site, 1)
    leased = site.lease(TRIPWIRE)
    assert {frame.service_pk for frame in leased.frames} == {pks[2]}
    site.give_back(leased)
    site.execute("UPDATE services SET state = 'offline' WHERE pk = :pk", pk=pks[2])
    leased = site.lease(TRIPWIRE)
    assert len(leased.frames) == len(CAMERAS)
    assert {frame.service_pk for frame in leased.frames} <= set(pks[:2])


def test_only_cameras_of_a_lost_endpoint_move_to_another(
    site: Installation, stubs: list[AlgorithmStub]
) -> None:
    pks = [site.register(stub) for stub in stubs]
    _record(site, 1, [f"c{number}" for number in range(30)])

    def homes() -> dict[str, int]:
        leased = site.lease(TRIPWIRE)
        site.give_back(leased)
        return {frame.task_id: frame.service_pk for frame in leased.frames}

    before = homes()
    assert set(before.values()) == set(pks)
    site.execute("UPDATE services SET state = 'offline' WHERE pk = :pk", pk=pks[0])
    after = homes()
    assert {camera: pk for camera, pk in before.items() if pk != pks[0]}.items() <= after.items()


def test_crowded_endpoint_does_not_keep_another_endpoint_idle(
    site: Installation, stubs: list[AlgorithmStub]
) -> None:
    for stub in stubs[:2]:
        site.register(stub, max_concurrency=1)
    cameras = [f"c{number}" for number in range(60)]
    crowd = [name for name in cameras if _home(stubs[:2], name) == stubs[0].endpoint]
    (other, *_) = [name for name in cameras if name not in crowd]
    assert len(crowd) > 20
    _record(site, 1, [*crowd, other])  # the camera of the idle endpoint is behind all the others
    assert {frame.task_id for frame in site.lease(TRIPWIRE, most=1).frames} == {crowd[0]}
    assert {frame.task_id for frame in site.lease(TRIPWIRE, most=1).frames} == {other}


def _home(stubs: list[AlgorithmStub], camera: str) -> str:
    candidates = [
        Candidate(number, stub.endpoint, stub.service_id, "", False, None)
        for number, stub in enumerate(stubs)
    ]
    chosen = choose_for_camera(candidates, camera)
    assert chosen is not None
    return chosen.endpoint


def test_frames_waiting_when_a_type_gets_affinity_are_inferred(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.put_many(3)
    site.scan()
    site.configure('[ai_analysis.types."人数统计"]\naffinity = "task_id"')
    site.register(algorithm)
    loop = site.loop()

    def inferred() -> bool:
        site.scan()
        sweep(site.runtime)
        loop.pump(TYPE, 1.0)
        return site.count("done") == 3

    wait_until(inferred, 10, "the frames from before are inferred")
    assert algorithm.max_running == 1
