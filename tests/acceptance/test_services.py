"""Services that are late, die and come back: no frame is lost, without help by people."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.support.algorithm_process import AlgorithmProcess
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.easyai_process import EasyaiProcess
from tests.support.outside import Outside
from tests.support.waiting import wait_until

SHORT_HEARTBEAT = "[ai_analysis]\nheartbeat_timeout_sec = 2\n"
LONELY = "无服务"
KILLED = "进程被杀"
SILENT = "无心跳"
BUSY = "停机"
LEFT = "已注销"


@pytest.fixture(scope="module", autouse=True)
def _short_heartbeat(running: EasyaiProcess) -> None:
    running.reconfigure(SHORT_HEARTBEAT)


def test_frames_without_a_service_wait_and_are_inferred_within_seconds_of_its_registration(
    running: EasyaiProcess, site: Outside, record_property: Callable[[str, object], None]
) -> None:
    before = site.stats()["queue_size"]
    keys = site.put_many(20, LONELY)
    wait_until(lambda: site.stats()["queue_size"] == before + 20, 10, "the frames wait")
    running.wait_for_line(f"no algorithm for task type: task_type={LONELY}")
    assert site.pictures(LONELY) == keys
    assert site.alert_count(LONELY) == 0
    with AlgorithmStub("late", (LONELY,)) as stub:
        registered = time.time()
        stub.register(site.url)
        first = stub.wait_for(1)[0].at - registered
        assert first < 5
        site.assert_one_alert_each(keys)
    record_property("registration_to_first_request_sec", round(first, 3))
    print(f"registration → first request: {first:.3f} s")


def test_frames_of_a_killed_service_go_to_the_other_service_without_loss_or_double(
    site: Outside,
) -> None:
    dying = AlgorithmProcess("dies", KILLED, delay=0.3)
    with dying, AlgorithmStub("lives", (KILLED,), delay=0.3) as living:
        dying.register(site.url)
        living.register(site.url)
        keys = site.put_many(40, KILLED)
        wait_until(lambda: dying.image_paths and living.count, 10, "both work")
        dying.kill()
        site.assert_one_alert_each(keys)
        assert set(dying.image_paths) & set(living.image_paths), "killed in mid-work"
        assert set(Counter(living.image_paths).values()) == {1}


@dataclass
class Deaths:
    """Services that died with frames waiting, and their observed states."""

    with_companion: AlgorithmStub
    companion: AlgorithmStub
    alone: AlgorithmProcess
    alone_at_restart: AlgorithmStub
    silent: AlgorithmStub  # sends no heartbeats but lives
    states: list[str]  # of `with_companion`, in order
    waiting: dict[str, list[str]]  # keys of frames by service_id


@pytest.fixture(scope="module")
def deaths(running: EasyaiProcess) -> Iterator[Deaths]:
    """Three services die at once and are found offline; the first has a companion."""
    site = Outside(running.url, running.frames)
    with ExitStack() as stack:
        companion = stack.enter_context(AlgorithmStub("companion", ("有伙伴",)))
        with_companion = stack.enter_context(AlgorithmStub("with-companion", ("有伙伴",)))
        alone = AlgorithmProcess("alone", "单独", delay=0.5)
        stack.callback(alone.close)
        alone.start()
        restarted = stack.enter_context(AlgorithmStub("alone-at-restart", ("重启",)))
        silent = stack.enter_context(AlgorithmStub("silent", (SILENT,)))
        for service in (companion, with_companion, alone, restarted, silent):
            service.register(site.url)
        waiting = {"alone": site.put_many(10, "单独")}
        wait_until(lambda: len(alone.image_paths) >= 2, 10, "in mid-work")
        alone.kill()
        with_companion.stop()
        restarted.stop()
        waiting["alone-at-restart"] = site.put_many(10, "重启")
        waiting["companion"] = site.put_many(10, "有伙伴")
        states = ["online"]

        def all_offline() -> bool:
            now = {service["service_id"]: service["state"] for service in site.services(True)}
            if now["with-companion"] != states[-1]:
                states.append(now["with-companion"])
            dead = ("with-companion", "alone", "alone-at-restart")
            return all(now[service_id] == "offline" for service_id in dead)

        wait_until(all_offline, 40, "the dead services are found offline", every=0.1)
        yield Deaths(with_companion, companion, alone, restarted, silent, states, waiting)


def test_closed_port_makes_a_service_suspect_then_offline_in_every_view(
    running: EasyaiProcess, site: Outside, deaths: Deaths
) -> None:
    assert deaths.states[:3] == ["online", "suspect", "offline"]
    shown = running.run("services", "--all")
    assert shown.returncode == 0
    (line,) = [line for line in shown.stdout.splitlines() if deaths.with_companion.endpoint in line]
    if site.state("with-companion") == "offline":  # no other test has woken it
        assert "offline" in line
        assert "with-companion" not in site.in_use()
        assert "with-companion" not in running.run("services").stdout
    assert "companion" in site.in_use()
    site.assert_one_alert_each(deaths.waiting["companion"])


def test_service_without_heartbeats_is_probed_and_stays_in_use_while_it_answers(
    site: Outside, deaths: Deaths
) -> None:
    wait_until(lambda: deaths.silent.health_checks, 15, "it is asked whether it lives")
    assert "silent" in site.in_use()
    wait_until(lambda: site.state("silent") == "online", 5, "its answer counts")
    site.assert_one_alert_each(site.put_many(5, SILENT))


def test_a_heartbeat_alone_brings_an_offline_service_online_at_once(
    site: Outside, deaths: Deaths
) -> None:
    with deaths.with_companion:
        assert site.heartbeat("with-companion").json() == {"ok": True}
        assert site.state("with-companion") == "online"
        assert "with-companion" in site.in_use()


def test_frames_of_the_only_service_wait_for_it_and_go_on_with_its_next_heartbeat(
    site: Outside, deaths: Deaths
) -> None:
    keys = deaths.waiting["alone"]
    unfinished = len(keys) - site.alert_count("单独")
    assert unfinished
    assert len(site.pictures("单独")) == unfinished
    deaths.alone.start()
    assert site.heartbeat("alone").json() == {"ok": True}
    site.assert_one_alert_each(keys)
    assert all(count <= 3 for count in Counter(deaths.alone.image_paths).values())


@dataclass
class Restart:
    """The state after a restart of the server in mid-work."""

    busy: AlgorithmStub  # in mid-work when the server was stopped
    busy_keys: list[str]
    sent_before: int  # of these, before the stop
    leaver: AlgorithmStub  # unregistered before the stop
    leaver_keys: list[str]


@pytest.fixture(scope="module")
def restart(running: EasyaiProcess, deaths: Deaths) -> Iterator[Restart]:
    """The server is stopped with SIGTERM in mid-work and started again."""
    site = Outside(running.url, running.frames)
    # Slower than the processes take to stop: a stop that does not wait for it would cut it off.
    busy, leaver = AlgorithmStub("busy", (BUSY,), delay=2.5), AlgorithmStub("leaver", (LEFT,))
    with busy, leaver:
        leaver.register(site.url)
        leaver.unregister(site.url)
        left = site.put_many(3, LEFT)
        busy.register(site.url, max_concurrency=12)
        keys = site.put_many(36, BUSY)
        busy.wait_for(12)
        running.stop(signal.SIGTERM)
        assert busy.running == 0
        sent_before = busy.count
        running.start()
        yield Restart(busy, keys, sent_before, leaver, left)


def test_stop_finishes_calls_in_flight_and_the_next_start_goes_on(
    site: Outside, restart: Restart
) -> None:
    assert restart.sent_before < len(restart.busy_keys), "stopped in mid-work"
    site.assert_one_alert_each(restart.busy_keys)
    # Calls in flight were finished, not sent again.
    assert Counter(restart.busy.image_paths) == Counter(restart.busy_keys)


def test_after_a_restart_of_the_server_a_known_service_needs_only_a_heartbeat(
    site: Outside, deaths: Deaths, restart: Restart
) -> None:
    with deaths.alone_at_restart as returned:
        assert site.heartbeat("alone-at-restart").json() == {"ok": True}
        assert site.state("alone-at-restart") == "online"
        site.assert_one_alert_each(deaths.waiting["alone-at-restart"])
        assert returned.count >= 10


def test_an_unregistered_service_stays_out_over_a_restart_until_it_registers_again(
    site: Outside, restart: Restart
) -> None:
    answer = site.heartbeat("leaver")
    assert answer.status_code == 400
    assert "service not found" in answer.json()["error"]
    assert "leaver" not in site.in_use()
    assert restart.leaver.count == 0
    assert site.pictures(LEFT) == restart.leaver_keys
    restart.leaver.register(site.url)
    site.assert_one_alert_each(restart.leaver_keys)
