"""Causes from restarts: the previous process hung, or the process ends repeatedly."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterable

import pytest

from easyai.db import processes
from easyai.db.events import Event
from easyai.diagnosis.symptom import STOPS, Status
from easyai.domain.reason import NO_REASON, Reason
from easyai.health.process_facts import Start, read
from easyai.messages.catalogue import text
from easyai.process import end_codes
from easyai.supervisor.hung_children import Liveness
from easyai.supervisor.notify_socket import Notification
from tests.support.lively import KINDS, codes, happened, look, processes_work, waits_since
from tests.support.site import Installation

_HERE = socket.gethostname()
_HUNG = end_codes.hung(30.0)
_KILLED = Reason("process.killed_by_some_signal")
_NOBODY = 2**22  # and above: larger than any pid of the kernel


def _started(
    site: Installation,
    pid: int,
    ago: float,
    reason: Reason = NO_REASON,
    kind: str = "worker",
    **row: float,
) -> None:
    """A process that started `ago` seconds ago and was last seen `shown` seconds ago."""
    now = time.time()
    with site.runtime.db.write() as conn:
        processes.beat(conn, kind, "box", pid, now - row.get("shown", 0.0), now - ago)
    name = processes.name_of(kind, "box", pid)
    started = (
        Reason.of("process.started_again", why=reason) if reason else Reason("process.started")
    )
    event = "process_restarted" if reason else "process_started"
    happened(site, Event(now - ago, event, name, started))


def _all_but_worker() -> Iterable[str]:
    return [kind for kind in KINDS if kind != "worker"]


def _frames_wait(site: Installation, seconds: float) -> None:
    site.put_many(3)
    site.scan()
    waits_since(site, seconds)


def test_worker_seen_hung_is_reported_as_hung_after_it_was_killed(
    site: Installation,
) -> None:
    processes_work(site, kinds=_all_but_worker())
    minute_ago = time.time() - 60
    command = [sys.executable, "-c", "import time; time.sleep(60)", "-A", "easyai", "worker"]
    with subprocess.Popen(command) as worker:
        with site.runtime.db.write() as conn:
            processes.beat(conn, "worker", _HERE, worker.pid, minute_ago, minute_ago)
        assert "kill -9" in look(site).causes[0].remedies[1].command
        worker.kill()
    (cause,) = look(site).causes
    assert cause.code == "worker_hung"
    assert "hung and was ended" in text(cause.title)
    assert "终止" in text(cause.title, "zh")
    assert f"worker@{_HERE}:{worker.pid} gave its last sign of life" in text(cause.evidence[0])


def test_restart_of_a_hung_worker_is_the_cause_for_a_minute_while_frames_wait(
    site: Installation,
) -> None:
    processes_work(site, kinds=_all_but_worker())
    _started(site, _NOBODY, 10, _HUNG)
    assert look(site).well, "nothing waits: the timeline tells of it"
    _frames_wait(site, 35)
    found = look(site)
    assert codes(found)[0] == "worker_hung"
    assert "hung and was started again" in text(found.causes[0].title)
    assert text(_HUNG) in text(found.causes[0].evidence[0])
    assert "卡住" in text(found.causes[0].evidence[0], "zh")
    site.execute("UPDATE events SET at = at - 60 WHERE kind = 'process_restarted'")
    assert "worker_hung" not in codes(look(site)), "it had its minute"


def test_every_reason_to_end_a_hung_worker_counts_as_hung() -> None:
    stubborn = Reason.of("process.did_not_end", why=end_codes.takes_no_tasks(31.0))
    assert end_codes.has_hung(stubborn)
    assert not end_codes.has_hung(_KILLED)
    liveness = Liveness(30.0, {})
    liveness.check({7: "worker"}, [Notification(7, {"WATCHDOG": "1"})], 0.0)
    verdicts = [
        verdict for now in range(40) for verdict in liveness.check({7: "worker"}, [], float(now))
    ]
    assert [end_codes.has_hung(verdict.reason) for verdict in verdicts] == [True]


def test_repeated_worker_restarts_are_the_cause_while_nothing_succeeds(
    site: Installation,
) -> None:
    processes_work(site, kinds=_all_but_worker())
    for number, ago in enumerate((40, 32, 24, 16)):
        _started(site, _NOBODY + number, ago, _KILLED if number else NO_REASON, shown=ago - 2)
    site.execute("UPDATE processes SET beat_at = beat_at - 20 WHERE pid < :it", it=_NOBODY + 3)
    _frames_wait(site, 35)
    found = look(site)
    assert codes(found)[0] == "worker_restarts"
    cause = found.causes[0]
    assert cause.weight >= STOPS
    assert "started 4 times" in text(cause.title)
    assert "启动了 4 次" in text(cause.title, "zh")
    assert [text(line) for line in cause.evidence][1:] == [f"Started again: {text(_KILLED)}"]
    assert "信号终止" in text(cause.evidence[1], "zh")
    assert "worker_gone" not in codes(found)

    site.execute("UPDATE processes SET beat_at = beat_at - 60 WHERE kind = 'worker'")
    assert codes(look(site))[0] == "worker_restarts", "between two of its lives it is no other"
    site.execute("UPDATE events SET at = at - 120 WHERE kind LIKE 'process_%'")
    assert codes(look(site))[0] == "worker_gone", "nobody starts it any more"


@pytest.mark.parametrize("kind", KINDS)
def test_repeated_restarts_of_any_process_are_reported_without_a_stall(
    site: Installation, kind: str
) -> None:
    processes_work(site)
    for number, ago in enumerate((60, 45, 30)):
        _started(site, _NOBODY + number, ago, _KILLED, kind, shown=25)
    _started(site, _NOBODY + 9, 5, _KILLED, kind)
    found = look(site)
    assert codes(found) == [f"{kind}_restarts"]
    assert found.causes[0].weight < STOPS


def test_workers_started_side_by_side_are_not_restarts(site: Installation) -> None:
    processes_work(site)
    for number in range(4):
        _started(site, _NOBODY + number, 20)
    assert look(site).well


def test_each_start_under_a_reused_pid_counts(site: Installation) -> None:
    for ago in (30, 20, 10):
        _started(site, 1, ago, _KILLED)
    with site.runtime.db.read() as conn:
        (process,) = read(conn, site.runtime, time.time())
    assert [type(start) for start in process.starts] == [Start] * 3
    assert [start.reason for start in process.starts] == [_KILLED] * 3


def test_orderly_restarts_under_the_same_name_are_not_reported(
    site: Installation,
) -> None:
    """As the first process of a container with a fixed host name."""
    processes_work(site)
    for ago in (60, 40, 20):
        _started(site, 1, ago)
        name = processes.name_of("worker", "box", 1)
        ended = Reason("process.ended_in_order")
        happened(site, Event(time.time() - ago + 10, "process_stopped", name, ended))
    _started(site, 1, 5)
    assert "worker_restarts" not in codes(look(site))


def test_worker_restarting_before_a_scan_ends_stops_inference(
    site: Installation,
) -> None:
    processes_work(site, kinds=_all_but_worker())
    for number, ago in enumerate((60, 40, 20, 2)):
        _started(site, _NOBODY + number, ago, _KILLED if number else NO_REASON, shown=ago - 1)
    site.execute(
        "UPDATE processes SET beat_at = beat_at - 60 WHERE kind = 'worker' AND pid < :it",
        it=_NOBODY + 3,
    )
    assert look(site).causes[0].weight < STOPS, "scans are done"
    site.execute("UPDATE process_leases SET done_at = done_at - 100 WHERE name = 'scan'")
    found = look(site)
    assert (codes(found)[0], found.causes[0].weight >= STOPS) == ("worker_restarts", True)
    assert found.symptom.status == Status.STALLED


_NO_MEMORY = Reason(end_codes.KILLED_FOR_MEMORY)


@pytest.mark.parametrize("times", [1, 3])
def test_worker_killed_at_its_memory_limit_is_the_cause_memory_limit(
    site: Installation, times: int
) -> None:
    processes_work(site, kinds=_all_but_worker())
    for number in range(times):
        _started(site, _NOBODY + number, 10.0 * (times - number), _NO_MEMORY)
    _frames_wait(site, 35)
    found = look(site)
    assert codes(found)[0] == "memory_limit"
    assert not {"worker_hung", "worker_restarts"} & set(codes(found))
    assert "memory.events" in found.causes[0].remedies[0].command
    assert "内存" in text(found.causes[0].evidence[0], "zh")
