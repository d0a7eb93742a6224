"""A service that moved: its old endpoint raises no alarm, and is named with a remedy."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from urllib.parse import unquote

import pytest

from easyai.diagnosis.report.as_markdown import markdown
from easyai.messages.catalogue import text
from easyai.registry import registration, unregistration
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.lively import codes, look, processes_work
from tests.support.site import Installation
from tests.support.waiting import wait_until
from tests.support.watchdogs import Watchdogs

pytestmark = pytest.mark.sqlite_only

ID = "yolo11x_head_detector_7901"


@pytest.fixture
def homes(site: Installation) -> Iterator[list[AlgorithmStub]]:
    """Three endpoints for the same service id; the first is in use."""
    site.configure(stall_alarm_sec=3600)
    stubs = [AlgorithmStub(ID, answer=lambda frame: detections(0)).start() for _ in range(3)]
    site.register(stubs[0])
    _work(site, "before")
    site.execute("UPDATE services SET register_at = register_at - 600, state_since = register_at")
    yield stubs
    for stub in stubs:
        stub.stop()


def _work(site: Installation, camera: str, frames: int = 8) -> None:
    site.put_many(frames, camera=camera)
    site.work(site.loop())


def _sweeps(site: Installation, count: int = 3, frames: int = 8) -> None:
    """Let frames arrive, send heartbeats by id, and sweep."""
    for number in range(count):
        _work(site, f"{time.monotonic_ns()}-{number}", frames)
        registration.heartbeat(site.runtime, ID)
        site.execute("UPDATE services SET next_probe_at = 0 WHERE state = 'offline'")
        sweep(site.runtime)


def _passed(site: Installation, seconds: float) -> None:
    """Move all times of the services `seconds` into the past."""
    columns = ("state_since", "register_at", "last_success_at", "last_evidence", "last_heartbeat")
    changes = ", ".join(f"{name} = {name} - {seconds}" for name in columns)
    site.execute(f"UPDATE services SET {changes}")


def _state(site: Installation, stub: AlgorithmStub) -> tuple[str, str]:
    sql = "SELECT state, state_reason FROM services WHERE endpoint = :endpoint"
    (row,) = site.rows(sql, endpoint=stub.endpoint)
    return row["state"], row["state_reason"]


def test_moved_service_raises_no_offline_alarm_and_gets_a_remedy(
    site: Installation, watchdogs: Watchdogs, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    watchdogs.start()
    old.stop()
    site.register(new)
    _sweeps(site)
    state, reason = _state(site, old)
    assert (state, reason.endswith(f"; moved to {new.endpoint}")) == ("offline", True)
    watchdogs.rounds(12)
    assert watchdogs.kinds() == []

    processes_work(site)
    found = look(site)
    assert codes(found) == ["service_moved"]
    assert f"lives at {new.endpoint} now" in text(found.causes[0].evidence[0])
    assert found.facts.checks["services"].ok
    assert "已迁移到" in markdown(found, "zh")
    (remedy,) = found.causes[0].remedies
    _run(site, remedy.command)
    assert (_state(site, old)[0], _state(site, new)[0]) == ("unregistered", "online")
    assert look(site).well, markdown(look(site))


def _run(site: Installation, command: str) -> None:
    """Unregister as the copied command does."""
    words = shlex.split(command)
    assert words[:1] == ["curl"]
    assert words[words.index("-X") + 1] == "DELETE"
    path = words[-1].partition("/api/v1/ai_analysis/unregister/")[2]
    assert "/" not in path
    assert unregistration.unregister(site.runtime, unquote(path)) == 1


def test_offline_alarm_ends_as_moved_when_the_service_registers_elsewhere(
    site: Installation, watchdogs: Watchdogs, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    old.stop()
    site.execute("UPDATE services SET last_evidence = last_evidence - 100")
    for _ in range(2):
        sweep(site.runtime)
    _passed(site, 300)
    watchdogs.start()
    wait_until(lambda: "service_offline" in watchdogs.kinds(), 10, "the offline alarm is raised")

    site.register(new)
    site.execute("UPDATE services SET next_probe_at = 0")
    sweep(site.runtime)
    wait_until(lambda: "service_online" in watchdogs.kinds(), 10, "and the alarm is over")
    over = dict(watchdogs.messages())["service_online"]
    assert f"{ID} moved from {old.endpoint} to {new.endpoint}" in over
    assert "online again" not in over
    assert "no longer registered" not in over
    _run(site, over.partition("`")[2].partition("`")[0])


def test_service_registered_a_day_later_elsewhere_has_not_moved(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    old.stop()
    site.execute("UPDATE services SET state = 'offline', state_reason = 'probe failed'")
    _passed(site, 86_400)
    site.register(new)
    _sweeps(site)
    state, reason = _state(site, old)
    assert (state, "moved" in reason) == ("offline", False)


def test_only_the_last_lost_endpoint_counts_as_moved_to_a_new_endpoint(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    first, last, new = homes
    site.register(last)
    _work(site, "both")
    _passed(site, 200)
    site.execute(
        "UPDATE services SET last_success_at = last_success_at - 100,"
        " last_evidence = last_success_at - 100"
        " WHERE endpoint = :first",
        first=first.endpoint,
    )
    first.stop()
    last.stop()
    site.execute("UPDATE services SET state = 'offline', state_reason = 'probe failed'")
    site.register(new)
    for _ in range(3):
        _sweeps(site)
        assert "moved" not in _state(site, first)[1]
    assert _state(site, last)[1].endswith(f"; moved to {new.endpoint}")


def test_heartbeat_by_id_does_not_revive_the_endpoint_left_by_a_move(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    old.stop()
    site.register(new)
    _sweeps(site)
    # The new endpoint was away for a while, as any service may be.
    site.execute(
        "UPDATE services SET state = 'offline', last_heartbeat = last_heartbeat - 600"
        " WHERE endpoint = :new",
        new=new.endpoint,
    )
    registration.heartbeat(site.runtime, ID)
    assert (_state(site, old)[0], _state(site, new)[0]) == ("offline", "online")
    _sweeps(site)
    assert _state(site, old)[1].endswith(f"; moved to {new.endpoint}"), "still known"
    registration.heartbeat(site.runtime, old.endpoint)
    assert _state(site, old)[0] == "online", "this one is its own"


def test_old_endpoint_that_answers_again_is_online(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    old.stop()
    site.register(new)
    _sweeps(site)
    old.start()
    site.execute("UPDATE services SET next_probe_at = 0")
    sweep(site.runtime)
    assert _state(site, old) == ("online", "a probe was answered")
    processes_work(site)
    assert len(look(site).facts.services) == 2


def test_service_that_moved_twice_is_reported_moved(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    first, second, third = homes
    first.stop()
    site.register(second)
    _sweeps(site)
    _passed(site, 3600)
    second.stop()
    site.register(third)
    _sweeps(site)
    assert _state(site, second)[1].endswith(f"; moved to {third.endpoint}")
    processes_work(site)
    assert codes(look(site)) == ["service_moved"]


@pytest.mark.parametrize("again", [False, True])
def test_dead_endpoint_beside_a_working_endpoint_of_its_id_has_not_moved(
    site: Installation, watchdogs: Watchdogs, homes: list[AlgorithmStub], again: bool
) -> None:
    old, other, _ = homes
    site.register(other)
    _work(site, "both")
    _passed(site, 7200)
    _work(site, "both, later")
    watchdogs.start()
    old.stop()
    if again:
        # The machine was restarted: this endpoint came up, the other did not.
        site.execute(
            "UPDATE services SET state = 'offline' WHERE endpoint = :it", it=other.endpoint
        )
        site.register(other)
    _sweeps(site)
    state, reason = _state(site, old)
    assert (state, "moved" in reason) == ("offline", False)
    wait_until(lambda: "service_offline" in watchdogs.kinds(), 10, "the offline alarm is raised")


def test_idle_endpoint_that_dies_long_after_a_second_started_has_not_moved(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, other, _ = homes
    _passed(site, 7200)
    site.register(other)
    _passed(site, 3600)
    old.stop()
    for _ in range(3):
        registration.heartbeat(site.runtime, ID)
        sweep(site.runtime)
    state, reason = _state(site, old)
    assert (state, "moved" in reason) == ("offline", False)


def test_dead_endpoint_of_several_has_not_moved_when_another_starts(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, other, new = homes
    site.register(other)
    _work(site, "both")
    _passed(site, 7200)
    old.stop()
    site.register(new)
    _sweeps(site)
    state, reason = _state(site, old)
    assert (state, "moved" in reason) == ("offline", False), "the other lived on: nobody can tell"


def test_move_is_recognized_for_a_client_that_registers_repeatedly(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    old.stop()
    for _ in range(3):
        site.register(new)
        _sweeps(site, 1)
    assert _state(site, old)[1].endswith(f"; moved to {new.endpoint}")


def test_dead_endpoint_of_several_started_together_has_not_moved(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, other, _ = homes
    site.execute("UPDATE services SET register_at = :now, state_since = :now", now=time.time())
    site.register(other)
    old.stop()
    _sweeps(site)
    state, reason = _state(site, old)
    assert (state, "moved" in reason) == ("offline", False)


def test_endpoint_that_dies_after_working_beside_a_second_has_not_moved(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, other, _ = homes
    site.register(other)
    for number in range(3):
        _work(site, f"both-{number}")
    old.stop()
    _sweeps(site, frames=40)  # so many that the slower of the two services gets some
    state, reason = _state(site, old)
    assert (state, "moved" in reason) == ("offline", False)
