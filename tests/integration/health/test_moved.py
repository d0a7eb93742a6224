"""A service that moved: all is well, its old endpoint raises no alarm and is named in a remark."""

from __future__ import annotations

import shlex
import time
from typing import Any
from urllib.parse import unquote

import pytest

from easyai.diagnosis.report.as_markdown import markdown
from easyai.domain.reason import Reason
from easyai.errors import ServiceNotFoundError
from easyai.messages.catalogue import text
from easyai.registry import registration, unregistration, vitals
from easyai.service_http.probe import probe_all
from easyai.tasks.sweep import sweep
from tests.integration.health.homes import ID, homes, passed, state_of, sweeps, work
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import codes, look, processes_work
from tests.support.site import Installation
from tests.support.waiting import wait_until
from tests.support.watchdogs import Watchdogs

__all__ = ["homes"]

pytestmark = pytest.mark.sqlite_only


def test_moved_service_raises_no_offline_alarm_and_gets_a_remedy(
    site: Installation, watchdogs: Watchdogs, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    watchdogs.start()
    old.stop()
    site.register(new)
    sweeps(site)
    state, reason = state_of(site, old)
    assert (state, reason.endswith(f"; moved to {new.endpoint}")) == ("offline", True)
    watchdogs.rounds(12)
    assert watchdogs.kinds() == []

    processes_work(site)
    found = look(site)
    assert codes(found) == ["service_moved"]
    assert f"lives at {new.endpoint} now" in text(found.causes[0].evidence[0])
    assert found.facts.checks["services"].ok
    assert found.well, "nothing needs to be done"
    assert "原在" in markdown(found, "zh")
    (remedy,) = found.causes[0].remedies
    _run(site, remedy.command)
    assert (state_of(site, old)[0], state_of(site, new)[0]) == ("unregistered", "online")
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
    passed(site, 300)
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


def test_only_the_last_lost_endpoint_counts_as_moved_to_a_new_endpoint(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    first, last, new = homes
    site.register(last)
    work(site, "both")
    passed(site, 200)
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
        sweeps(site)
        assert "moved" not in state_of(site, first)[1]
    assert state_of(site, last)[1].endswith(f"; moved to {new.endpoint}")


def test_heartbeat_by_id_does_not_revive_the_endpoint_left_by_a_move(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    old.stop()
    site.register(new)
    sweeps(site)
    # The new endpoint was away for a while, as any service may be.
    site.execute(
        "UPDATE services SET state = 'offline', last_heartbeat = last_heartbeat - 600"
        " WHERE endpoint = :new",
        new=new.endpoint,
    )
    registration.heartbeat(site.runtime, ID)
    assert (state_of(site, old)[0], state_of(site, new)[0]) == ("offline", "online")
    sweeps(site)
    assert state_of(site, old)[1].endswith(f"; moved to {new.endpoint}"), "still known"
    registration.heartbeat(site.runtime, old.endpoint)
    assert state_of(site, old)[0] == "online", "this one is its own"


def test_old_endpoint_that_answers_again_is_online(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    old.stop()
    site.register(new)
    sweeps(site)
    old.start()
    site.execute("UPDATE services SET next_probe_at = 0")
    sweep(site.runtime)
    assert state_of(site, old) == ("online", "a probe was answered")
    processes_work(site)
    assert len(look(site).facts.services) == 2


def test_service_that_moved_twice_is_reported_moved(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    first, second, third = homes
    first.stop()
    site.register(second)
    sweeps(site)
    passed(site, 3600)
    second.stop()
    site.register(third)
    sweeps(site)
    assert state_of(site, second)[1].endswith(f"; moved to {third.endpoint}")
    processes_work(site)
    assert codes(look(site)) == ["service_moved"]


def test_idle_service_restarted_at_another_port_soon_after_its_start_has_moved(
    site: Installation, watchdogs: Watchdogs, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    site.execute("UPDATE services SET register_at = :at, state_since = :at", at=time.time() - 15)
    site.execute("UPDATE services SET last_success_at = 0")
    watchdogs.start()
    old.stop()
    site.register(new)
    for expected in ("suspect", "offline"):
        sweep(site.runtime)
        state, reason = state_of(site, old)
        assert (state, reason) == (
            expected,
            f"probe failed: Connection refused; moved to {new.endpoint}",
        )
        processes_work(site)
        assert look(site, probes=False).well, markdown(look(site, probes=False))
    assert state_of(site, new)[0] == "online"
    watchdogs.rounds(12)
    assert watchdogs.kinds() == []


def test_service_with_a_health_url_at_its_own_port_has_moved(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    site.register(old, health_url=f"http://127.0.0.1:{old.port}/live")
    site.execute("UPDATE services SET register_at = register_at - 600")
    old.stop()
    site.register(new)
    sweep(site.runtime)
    assert state_of(site, old)[1].endswith(f"; moved to {new.endpoint}")


def test_endpoint_left_offline_for_hours_has_moved_by_the_next_sweep(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    old.stop()
    site.execute("UPDATE services SET last_evidence = last_evidence - 100")
    for _ in range(2):
        sweep(site.runtime)
    passed(site, 6 * 3600)
    assert state_of(site, old)[0] == "offline"
    site.execute("UPDATE services SET probe_failures = 9, next_probe_at = :at", at=time.time() + 50)
    site.register(new)
    sweep(site.runtime)
    assert state_of(site, old)[1].endswith(f"; moved to {new.endpoint}")


@pytest.mark.parametrize("round_number", [1, 2, 3])
def test_endpoint_that_registers_during_a_round_of_probes_is_found_as_the_new_endpoint(
    site: Installation,
    homes: list[AlgorithmStub],
    monkeypatch: pytest.MonkeyPatch,
    round_number: int,
) -> None:
    old, new, _ = homes
    rounds = 0

    def probed(*args: Any) -> dict[int, Reason]:
        nonlocal rounds
        rounds += 1
        answers = probe_all(*args)
        if rounds == round_number:
            site.register(new)
        return answers

    monkeypatch.setattr(vitals, "probe_all", probed)
    old.stop()
    site.execute("UPDATE services SET last_evidence = last_evidence - 100")
    for _ in range(round_number):
        site.execute("UPDATE services SET next_probe_at = 0 WHERE state = 'offline'")
        sweep(site.runtime)
    sweep(site.runtime)
    assert state_of(site, old)[1].endswith(f"; moved to {new.endpoint}")


def test_endpoints_of_one_id_restarted_together_have_moved_each_to_another(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    first, *new = homes
    with AlgorithmStub(ID) as second:
        site.register(second)
    site.execute("UPDATE services SET register_at = :at, state_since = :at", at=time.time() - 60)
    site.execute("UPDATE services SET last_success_at = 0")
    first.stop()
    for stub in new:
        site.register(stub)
    for _ in range(2):
        sweep(site.runtime)
    reasons = [state_of(site, stub)[1].partition("moved to ")[2] for stub in (first, second)]
    assert sorted(reasons) == sorted(stub.endpoint for stub in new)


def test_move_is_kept_when_the_new_endpoint_is_unregistered(
    site: Installation, watchdogs: Watchdogs, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    old.stop()
    site.register(new)
    sweeps(site)
    unregistration.unregister(site.runtime, new.endpoint)
    site.execute("UPDATE services SET next_probe_at = 0 WHERE state = 'offline'")
    sweep(site.runtime)
    assert state_of(site, old)[1].endswith(f"; moved to {new.endpoint}")
    watchdogs.start()
    watchdogs.rounds(12)
    assert "service_offline" not in watchdogs.kinds()

    site.put_many(3, camera="waits")
    site.scan()
    watchdogs.wait_for("no_algorithm")
    processes_work(site)
    found = look(site)
    assert not found.well
    assert found.cause is not None
    assert found.cause.code == "no_service"


def test_move_is_recognized_for_a_client_that_registers_repeatedly(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    old.stop()
    for _ in range(3):
        site.register(new)
        sweeps(site, 1)
    assert state_of(site, old)[1].endswith(f"; moved to {new.endpoint}")


def test_endpoint_left_by_a_move_is_back_by_the_next_sweep_if_it_lives_after_all(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    # Its network was away, another endpoint served meanwhile, and its client never registers again.
    old, new, _ = homes
    old.stop()
    site.register(new)
    sweeps(site)
    unregistration.unregister(site.runtime, new.endpoint)
    for _ in range(8):
        site.execute("UPDATE services SET next_probe_at = 0 WHERE state = 'offline'")
        sweep(site.runtime)  # the pause between two probes is long by now
    old.start()
    sweep(site.runtime)
    assert state_of(site, old)[0] == "offline"
    with pytest.raises(ServiceNotFoundError):
        registration.heartbeat(site.runtime, ID)
    sweep(site.runtime)
    assert state_of(site, old)[0] == "online"
    registration.heartbeat(site.runtime, ID)
    work(site, "after")
