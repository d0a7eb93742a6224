"""Ended processes of this machine are reported within seconds, and each fault once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from easyai.db import events, leases, processes
from easyai.diagnosis.causes import settings_file
from easyai.diagnosis.causes.cause import Cause
from easyai.diagnosis.causes.rank import rank
from easyai.diagnosis.contents import Diagnosis
from easyai.diagnosis.symptom import STOPS, Status
from easyai.domain.reason import quoted
from easyai.messages.catalogue import text
from easyai.supervisor.plan import Plan
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import KINDS, codes, look, processes_work
from tests.support.site import Installation

_HERE = socket.gethostname()


@pytest.fixture
def ended() -> int:
    """The pid of an ended process."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait(10)
    return process.pid


def _shown(site: Installation, kind: str, pid: int, ago: float = 9.0) -> None:
    at = time.time() - ago
    with site.runtime.db.write() as conn:
        processes.beat(conn, kind, _HERE, pid, at, at - 60)


def _all_but(*kinds: str) -> Iterable[str]:
    return [kind for kind in KINDS if kind not in kinds]


def _cause(found: Diagnosis, code: str) -> Cause:
    return next(cause for cause in found.causes if cause.code == code)


def _all_killed(site: Installation, ended: int) -> None:
    processes_work(site, kinds=())
    for kind in KINDS:
        _shown(site, kind, ended)
    with site.runtime.db.write() as conn:
        leases.release(conn, "beat", "test")
        leases.acquire(conn, "beat", f"{_HERE}:{ended}:abc", 5.0, time.time() - 1)


def test_killing_all_processes_is_a_single_cause_with_each_process_as_evidence(
    site: Installation, ended: int
) -> None:
    _all_killed(site, ended)
    found = look(site)
    (cause,) = found.causes
    assert cause.code == "worker_gone"
    assert text(cause.title).startswith("easyai does not run")
    assert found.symptom.status is Status.STALLED
    assert {name for name in KINDS if not found.facts.checks[name].ok} == {*KINDS}
    assert {text(line).partition(":")[0] for line in cause.evidence} == {*KINDS}
    assert all("the process is gone" in text(line) for line in cause.evidence)
    assert cause.remedies[0].command.endswith(" up")


@pytest.mark.parametrize(
    "words", [["easyai", "up"], Plan(Path("data"), "::", 5066, "ready", 30.0).command()[1:]]
)
def test_no_manual_start_is_advised_while_easyai_up_runs(
    site: Installation,
    ended: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
) -> None:
    _all_killed(site, ended)
    monkeypatch.chdir(tmp_path)
    lock = site.runtime.settings.easyai.data_dir / "run" / "up.lock"
    lock.parent.mkdir(parents=True)
    # A waiting program with the same words in its command line as `easyai up`.
    waits = [sys.executable, "-c", "input()", *words]
    with subprocess.Popen(waits, stdin=subprocess.PIPE) as up:
        lock.write_text(f"{up.pid}\n", encoding="ascii")
        found = look(site)
        up.communicate(b"\n", timeout=10)
    assert codes(found) == ["worker_gone", "beat_gone", "api_gone", "watchdog_gone"]
    for cause in found.causes:
        (remedy,) = cause.remedies
        assert text(remedy.text).startswith(f"`up` (process {up.pid}) runs and starts it")
        assert f"（进程 {up.pid}）" in text(remedy.text, "zh")
    assert codes(look(site)) == ["worker_gone"], "that number is nobody's now"


@pytest.mark.parametrize("words", [["vim", "/etc/easyai/config.toml"], ["celery", "-Aeasyai"]])
def test_reused_pid_in_up_lock_is_not_taken_for_easyai_up(
    site: Installation, ended: int, words: list[str]
) -> None:
    _all_killed(site, ended)
    lock = site.runtime.settings.easyai.data_dir / "run" / "up.lock"
    lock.parent.mkdir(parents=True)
    waits = [sys.executable, "-c", "input()", *words]
    with subprocess.Popen(waits, stdin=subprocess.PIPE) as other:
        lock.write_text(f"{other.pid}\n", encoding="ascii")
        assert codes(look(site)) == ["worker_gone"]
        other.communicate(b"\n", timeout=10)


def test_process_with_a_recent_beat_works_despite_an_unknown_pid(
    site: Installation, ended: int
) -> None:
    processes_work(site, kinds=_all_but("worker"))
    _shown(site, "worker", ended, ago=5)
    assert look(site).well


def test_living_process_works_whatever_its_command_line(site: Installation) -> None:
    processes_work(site, kinds=())
    for kind in KINDS:
        _shown(site, kind, os.getpid())
    assert look(site).well


def test_ended_beat_is_no_fault_while_another_beat_stands_by(
    site: Installation, ended: int
) -> None:
    processes_work(site)
    _shown(site, "beat", ended)
    with site.runtime.db.write() as conn:
        leases.release(conn, "beat", "test")
        leases.acquire(conn, "beat", f"{_HERE}:{ended}:abc", 5.0, time.time() - 1)
    assert look(site).well


@pytest.mark.parametrize(("code", "kind"), [("worker_gone", "worker"), ("api_gone", "api")])
def test_evidence_names_only_the_processes_that_ended_last(
    site: Installation, ended: int, code: str, kind: str
) -> None:
    processes_work(site, kinds=_all_but(kind))
    _shown(site, kind, ended, 30)
    _shown(site, kind, 2**22 + 1, 240)  # above the kernel's largest
    lines = [text(evidence) for evidence in _cause(look(site), code).evidence]
    assert [line.split()[0] for line in lines] == [f"{kind}@{_HERE}:{ended}"]
    _shown(site, kind, 2**22 + 2, 33)
    assert len(_cause(look(site), code).evidence) == 2, "they ended together"


def test_api_stopped_in_order_is_the_first_cause_with_the_local_store(
    site: Installation,
) -> None:
    processes_work(site, kinds=_all_but("api"))
    assert look(site).well, "none has ever shown itself"
    stopped = events.Event(
        time.time() - 5, "process_stopped", f"api@{_HERE}:7", quoted("ended in order")
    )
    with site.runtime.db.write() as conn:
        events.add(conn, [stopped])
    site.public_url = "http://127.0.0.1:9"  # nothing listens there
    site.configure()
    site.runtime = site.open()
    found = look(site)
    assert codes(found) == ["api_gone"], "that no picture can be fetched follows from it"
    assert "stopped in order" in text(found.causes[0].evidence[0])
    assert "fetch pictures" in text(found.causes[0].title)
    assert any(" api`" in text(remedy.text) for remedy in found.causes[0].remedies)


def test_missing_api_does_not_stop_inference_with_an_object_store(
    site: Installation, ended: int
) -> None:
    processes_work(site, kinds=_all_but("api"))
    _shown(site, "api", ended)
    facts = look(site).facts
    extractor = facts.settings.frame_extractor.model_copy(update={"store": "minio"})
    settings = facts.settings.model_copy(update={"frame_extractor": extractor})
    (cause,) = rank(replace(facts, settings=settings))
    assert cause.code == "api_gone"
    assert cause.weight < STOPS
    assert "pictures" not in text(cause.title)


def test_remedy_for_an_unreachable_service_names_its_machine(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    algorithm.stop()
    processes_work(site)
    first = _cause(look(site), "endpoint_unreachable").remedies[0]
    assert "start it again" in text(first.text)
    assert "(127.0.0.1)" in text(first.text)
    assert "（127.0.0.1）" in text(first.text, "zh")
    assert first.command.startswith("ss -ltnp")


@pytest.mark.parametrize("source", ["10.88.1.2", "fd88::2"])
def test_service_registered_with_its_listening_address_is_named(
    site: Installation, algorithm: AlgorithmStub, source: str
) -> None:
    site.register(algorithm)
    algorithm.stop()
    processes_work(site)
    site.execute(
        "UPDATE services SET endpoint = :endpoint, registered_from = :source",
        endpoint=f"http://0.0.0.0:{algorithm.port}/infer",
        source=source,
    )
    cause = _cause(look(site), "endpoint_unreachable")
    evidence = f"registered from {source} with the endpoint http://0.0.0.0:{algorithm.port}/infer"
    assert any(evidence in text(words) and source in text(words, "zh") for words in cause.evidence)
    host = f"[{source}]" if ":" in source else source
    assert f"http://{host}:{algorithm.port}/infer" in text(cause.remedies[0].text)
    site.execute("UPDATE services SET registered_from = '127.0.0.1'")
    here = _cause(look(site), "endpoint_unreachable")
    assert not any("leads to this server" in text(words) for words in here.evidence)
    assert "start it again" in text(here.remedies[0].text)


def test_remedy_for_a_hanging_service_names_its_machine_and_a_command(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    processes_work(site)
    site.execute(
        "UPDATE services SET last_failure_at = :now, last_failure_reason_code = 'call.timed_out'",
        now=time.time(),
    )
    first = _cause(look(site), "inference_hangs").remedies[0]
    assert "nvidia-smi" in first.command
    assert "run on their machine (127.0.0.1)" in text(first.text)


def test_error_in_the_search_for_a_cause_hides_no_other_cause(
    site: Installation, ended: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_facts: object) -> list[Cause]:
        raise FileNotFoundError("the working folder is gone")

    processes_work(site, kinds=_all_but("worker"))
    _shown(site, "worker", ended)
    monkeypatch.setattr(settings_file, "find", broken)
    assert "worker_gone" in codes(look(site))
