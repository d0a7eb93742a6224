"""Each cause is found and ranked first; where it is cheap, the fault is real."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from easyai.db import alarms, engines, leases, processes, statistics
from easyai.db.statistics import Tally
from easyai.diagnosis.contents import Diagnosis, Status
from easyai.diagnosis.report.as_markdown import markdown
from easyai.domain.alarm_cause import found_cause
from easyai.health.checks import disk as checks_disk
from easyai.health.checks.disk import Disk
from easyai.messages.catalogue import text
from easyai.registry import registration, unregistration
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import codes, look, processes_work, silent_for, waits_since
from tests.support.ports import free_port
from tests.support.services import PostgresServer, RedisServer
from tests.support.site import TYPE, Installation


@pytest.fixture
def sqlite_site(migrated_file: Path, tmp_path: Path, living_links: str) -> Iterator[Installation]:
    """An installation with working processes, for causes outside the database."""
    shutil.copy(migrated_file, tmp_path / "easyai.db")
    made = Installation(tmp_path, f"sqlite:///{tmp_path / 'easyai.db'}", living_links)
    processes_work(made)
    yield made
    made.close()


def _evidence(diagnosis: Diagnosis) -> str:
    return "\n".join(text(line) for line in diagnosis.causes[0].evidence)


def test_installation_without_services_and_frames_is_well(site: Installation) -> None:
    processes_work(site)
    assert look(site).well, markdown(look(site))


def test_switched_off_inference_is_the_cause_disabled(sqlite_site: Installation) -> None:
    sqlite_site.configure(enable=False)
    assert codes(look(sqlite_site)) == ["disabled"]


def test_stopped_redis_broker_is_the_cause_broker_down_until_it_returns(
    sqlite_site: Installation, redis_server: RedisServer
) -> None:
    redis_server.start()
    sqlite_site.configure(extra=f'broker_url = "{redis_server.url}"')
    assert look(sqlite_site).well
    redis_server.stop()
    try:
        diagnosis = look(sqlite_site)
    finally:
        redis_server.start()
    assert codes(diagnosis) == ["broker_down"]
    assert "refused" in _evidence(diagnosis)
    assert look(sqlite_site).well


def test_locked_sqlite_is_the_cause_database_down(
    sqlite_site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_SEC", 0.3)
    other = sqlite3.connect(sqlite_site.folder / "easyai.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        diagnosis = look(sqlite_site)
    finally:
        other.close()
    assert codes(diagnosis) == ["database_down"]
    assert "locked" in _evidence(diagnosis)
    assert "fuser" in diagnosis.causes[0].remedies[0].command


def test_stopped_postgresql_is_the_cause_database_down(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path, living_links: str
) -> None:
    installation = Installation(tmp_path, postgres_url, living_links)
    postgres_server.stop()
    try:
        diagnosis = look(installation)
    finally:
        postgres_server.start()
        installation.close()
    assert codes(diagnosis) == ["database_down"]
    assert diagnosis.symptom.status is Status.UNKNOWN
    assert "## Checks" in markdown(diagnosis)


def test_missing_frame_folder_is_the_cause_store_down(sqlite_site: Installation) -> None:
    shutil.rmtree(sqlite_site.snapshots)
    diagnosis = look(sqlite_site)
    assert codes(diagnosis) == ["store_down"]
    assert str(sqlite_site.snapshots) in diagnosis.causes[0].remedies[0].command


def test_full_disk_is_the_cause_disk_full(
    sqlite_site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Disk(sqlite_site.folder, 1_000_000, 0.1, 50.0)
    monkeypatch.setattr(checks_disk, "disk_of", lambda _: full)
    diagnosis = look(sqlite_site)
    assert codes(diagnosis) == ["disk_full"]
    assert "0.1 %" in _evidence(diagnosis)


def _worker_row(site: Installation, pid: int, beat_at: float) -> None:
    site.execute("DELETE FROM processes WHERE kind = 'worker'")
    with site.runtime.db.write() as conn:
        processes.beat(conn, "worker", socket.gethostname(), pid, beat_at, beat_at)


def test_missing_worker_is_the_cause_worker_gone(site: Installation) -> None:
    processes_work(site, kinds=("api", "beat", "watchdog"))
    diagnosis = look(site)
    assert codes(diagnosis) == ["worker_gone"]
    assert "-A easyai worker" in markdown(diagnosis)


def test_killed_worker_is_distinguished_from_a_hung_worker(sqlite_site: Installation) -> None:
    minute_ago = time.time() - 60
    command = [sys.executable, "-c", "import time; time.sleep(60)", "-A", "easyai", "worker"]
    with subprocess.Popen(command) as worker:
        _worker_row(sqlite_site, worker.pid, minute_ago)
        hung = look(sqlite_site)
        worker.kill()
    assert codes(hung) == ["worker_hung"]
    assert f"kill -9 {worker.pid}" in hung.causes[0].remedies[1].command

    _worker_row(sqlite_site, 2**22 + 1, minute_ago)  # above the kernel's largest
    killed = look(sqlite_site)
    assert codes(killed) == ["worker_gone"]
    assert "the process is gone" in _evidence(killed)


def test_worker_without_completed_scans_is_the_cause_worker_hung(sqlite_site: Installation) -> None:
    sqlite_site.execute("UPDATE process_leases SET done_at = done_at - 100 WHERE name = 'scan'")
    diagnosis = look(sqlite_site)
    assert codes(diagnosis) == ["worker_hung"]
    assert "no scan has ended" in text(diagnosis.causes[0].title)


def test_beat_with_an_expired_lease_is_the_cause_beat_gone(sqlite_site: Installation) -> None:
    with sqlite_site.runtime.db.write() as conn:
        leases.acquire(conn, "beat", "test", 5.0, time.time() - 60)
    assert codes(look(sqlite_site)) == ["beat_gone"]


def test_beat_with_a_released_lease_is_well(sqlite_site: Installation) -> None:
    with sqlite_site.runtime.db.write() as conn:
        leases.release(conn, "beat", "test")
    assert look(sqlite_site).well


def test_frames_without_a_registered_service_have_the_cause_no_service(site: Installation) -> None:
    processes_work(site)
    site.put(f"{TYPE}/门口1/1.jpg")
    site.scan()
    waits_since(site, 100)
    diagnosis = look(site)
    assert codes(diagnosis) == ["no_service"]
    assert diagnosis.symptom.status is Status.STALLED
    assert "No service has ever registered" in _evidence(diagnosis)


def test_services_cleared_by_request_have_the_cause_no_service(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    unregistration.clear_all(site.runtime)
    processes_work(site)
    site.put(f"{TYPE}/门口1/1.jpg")
    site.scan()
    diagnosis = look(site)
    assert codes(diagnosis) == ["no_service"]
    assert "all services were cleared by request" in _evidence(diagnosis)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((500, b"oops"), "500"),
        ((200, b"<html>"), "not JSON: 6 bytes"),
        (None, "closed before the answer was complete"),
    ],
)
def test_services_with_invalid_answers_have_the_cause_inference_fails(
    site: Installation,
    algorithm: AlgorithmStub,
    answer: tuple[int, bytes] | None,
    error: str,
) -> None:
    algorithm.answer = lambda frame: answer
    _try_in_vain(site, algorithm)
    diagnosis = look(site)
    assert codes(diagnosis) == ["inference_fails"]
    assert error in _evidence(diagnosis)
    assert diagnosis.causes[0].weight > 50


def test_services_that_refuse_every_frame_have_the_cause_inference_fails(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.answer = lambda frame: (200, {"success": False, "error": "no model loaded"})
    _try_in_vain(site, algorithm)
    diagnosis = look(site)
    assert codes(diagnosis) == ["inference_fails"]
    assert "requeue --task-type" in _plain_commands(diagnosis)


def _plain_commands(diagnosis: Diagnosis) -> str:
    lines = [remedy.command for cause in diagnosis.causes for remedy in cause.remedies]
    return "\n".join(lines)


def _try_in_vain(site: Installation, algorithm: AlgorithmStub) -> None:
    site.register(algorithm)
    site.put_many(4)
    site.scan()
    loop = site.loop()
    for _ in range(4):
        site.execute("UPDATE frames SET due_at = 0 WHERE state = 'pending'")
        site.execute("UPDATE services SET breaker_open_until = 1 WHERE breaker_open_until > 0")
        loop.pump(TYPE, 0.3)
    processes_work(site)


def test_unreachable_service_with_heartbeats_is_the_cause_endpoint_unreachable(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    algorithm.stop()
    processes_work(site)
    assert codes(look(site)) == ["endpoint_unreachable"]
    assert codes(look(site, probes=False)) == [], "nothing is known yet"


def test_diagnosis_without_probes_uses_the_results_of_the_sweep(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    processes_work(site)
    silent_for(site, 600)
    sweep(site.runtime)
    alive = look(site, probes=False)
    assert codes(alive) == ["heartbeats_not_arriving"]
    assert alive.facts.probes is None

    silent_for(site, 600)
    algorithm.stop()
    for _ in range(2):
        sweep(site.runtime)
    assert codes(look(site, probes=False)) == ["services_died"]


def test_unreachable_picture_links_are_the_cause_pictures_unreachable(
    sqlite_site: Installation,
) -> None:
    sqlite_site.public_url = f"http://127.0.0.1:{free_port()}"
    sqlite_site.configure()
    sqlite_site.runtime = sqlite_site.open()
    diagnosis = look(sqlite_site)
    assert codes(diagnosis) == ["pictures_unreachable"]
    assert "Connection refused" in _evidence(diagnosis)
    assert "signature=" not in markdown(diagnosis)


def test_long_queue_is_the_cause_algorithms_too_slow(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.configure(max_queue_size=10)
    site.register(algorithm)
    processes_work(site)
    loop = site.loop()
    site.put_many(3)
    site.work(loop)
    site.record(20)
    diagnosis = look(site)
    assert codes(diagnosis) == ["algorithms_too_slow"]
    assert diagnosis.symptom.status is Status.DEGRADED
    assert "20 frames waiting" in _evidence(diagnosis)


@pytest.mark.parametrize("ago", [10, 300])
def test_backlog_of_a_recent_stall_is_not_caused_by_slow_algorithms(
    site: Installation, algorithm: AlgorithmStub, ago: float
) -> None:
    site.register(algorithm)
    site.put_many(3)
    site.work(site.loop())
    site.record(20)
    waits_since(site, 60)
    now = time.time()
    with site.runtime.db.write() as conn:
        statistics.add(conn, {TYPE: Tally(found=40)}, now)
        at, cause = now - ago - 60, found_cause("services_died")
        alarms.record_notification(conn, "inference_stalled", "", cause, at, at, at)
        alarms.record_end(conn, "inference_stalled", "", now - ago - 60, now - ago)
    processes_work(site)
    assert codes(look(site)) == ([] if ago == 10 else ["algorithms_too_slow"])


def test_clock_set_back_is_the_cause_clock_jumped(
    sqlite_site: Installation, algorithm: AlgorithmStub
) -> None:
    sqlite_site.register(algorithm)
    silent_for(sqlite_site, -3600)
    diagnosis = look(sqlite_site)
    assert "clock_jumped" in codes(diagnosis)
    assert not diagnosis.facts.checks["clock"].ok


def test_silent_bus_is_the_cause_bus_down(sqlite_site: Installation) -> None:
    address = f"redis://127.0.0.1:{free_port()}/0"
    sqlite_site.configure(mq_type="redis", mq_address=address)
    diagnosis = look(sqlite_site)
    assert codes(diagnosis) == ["bus_down"]
    assert diagnosis.symptom.status is Status.DEGRADED


def test_ended_stall_is_reported_as_recovered(site: Installation) -> None:
    processes_work(site)
    now = time.time()
    site.execute(
        "INSERT INTO alarms (kind, subject, cause, raised_at, told_at, over_at)"
        " VALUES ('inference_stalled', '', 'services_died', :began, :began, :ended)",
        began=now - 5 * 3600,
        ended=now - 3600,
    )
    diagnosis = look(site)
    assert diagnosis.well
    assert diagnosis.recovered[0].cause == found_cause("services_died")
    for language, story in (("en", "services had died"), ("zh", "算法服务停止运行")):
        report = markdown(diagnosis, language)
        assert story in report
        assert "(4 h)" in report or "(4 小时)" in report


def test_every_cause_and_remedy_has_a_chinese_text(sqlite_site: Installation) -> None:
    sqlite_site.configure(enable=False)
    shutil.rmtree(sqlite_site.snapshots)
    sqlite_site.execute("DELETE FROM processes")
    sqlite_site.execute("DELETE FROM process_leases")
    for cause in look(sqlite_site).causes:
        for reason in (cause.title, *(remedy.text for remedy in cause.remedies)):
            chinese = text(reason, "zh")
            assert chinese != text(reason)
            assert any("\u4e00" <= character <= "\u9fff" for character in chinese), reason


def test_unanswered_frames_in_flight_are_the_cause_inference_hangs(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    site.record(3)
    held = site.lease()
    assert len(held.frames) == 3
    site.execute("UPDATE frames SET leased_at = leased_at - 40 WHERE state = 'leased'")
    processes_work(site)
    diagnosis = look(site)
    assert codes(diagnosis) == ["inference_hangs"], "told before the first call times out"
    assert "3 frames in flight there, the oldest for 4" in _evidence(diagnosis)
    site.execute("DELETE FROM processes WHERE kind = 'worker'")
    assert "inference_hangs" not in codes(look(site)), "nobody waits for an answer any more"


def test_server_listening_on_loopback_only_is_named_as_evidence(site: Installation) -> None:
    site.configure(service_networks=["172.16.0.0/12"])
    for number in range(7901, 7913):
        registration.register(
            site.runtime,
            {
                "service_id": f"yolo11x_head_detector_{number}",
                "task_types": [TYPE],
                "endpoint": f"http://172.16.5.207:{number}/infer",
            },
        )
    # The services answered the sweep's probes a moment ago, but sent no heartbeat for hours.
    site.execute("UPDATE services SET last_heartbeat = last_heartbeat - 14400")
    processes_work(site)
    diagnosis = look(site, probes=False)
    assert codes(diagnosis) == ["heartbeats_not_arriving"]
    evidence = _evidence(diagnosis)
    assert "All services fell silent together" in evidence
    assert "listens on 127.0.0.1 only" in evidence
