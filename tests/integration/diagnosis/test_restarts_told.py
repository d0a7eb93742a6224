"""What a restart says of the process before it: that it hung, or that it ends again and again."""

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
from easyai.supervisor.notify_socket import Heard
from tests.support.lively import KINDS, codes, happened, look, processes_work, waits_since
from tests.support.site import Installation

_HERE = socket.gethostname()
_HUNG = end_codes.hung(30.0)
_KILLED = Reason("process.killed_by_some_signal")
_NOBODY = 2**22  # and above: larger than any number the kernel gives


def _started(
    site: Installation,
    pid: int,
    ago: float,
    reason: Reason = NO_REASON,
    kind: str = "worker",
    **row: float,
) -> None:
    """A process that began so long ago and showed itself last `shown` seconds ago."""
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


def test_a_worker_that_hung_is_told_as_hung_after_its_supervisor_has_killed_it(
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
    assert f"worker@{_HERE}:{worker.pid} showed itself last" in text(cause.evidence[0])


def test_a_worker_that_was_started_again_since_it_hung_is_told_until_a_frame_succeeds(
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


def test_every_reason_to_end_a_worker_that_hangs_is_known_as_one() -> None:
    stubborn = Reason.of("process.did_not_end", why=end_codes.takes_no_tasks(31.0))
    assert end_codes.has_hung(stubborn)
    assert not end_codes.has_hung(_KILLED)
    liveness = Liveness(30.0, {})
    liveness.look({7: "worker"}, [Heard(7, {"WATCHDOG": "1"})], 0.0)
    verdicts = [one for now in range(40) for one in liveness.look({7: "worker"}, [], float(now))]
    assert [end_codes.has_hung(one.reason) for one in verdicts] == [True]


def test_a_worker_that_ends_again_and_again_is_the_cause_while_nothing_succeeds(
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
    assert [text(one) for one in cause.evidence][1:] == [f"Started again: {text(_KILLED)}"]
    assert "信号终止" in text(cause.evidence[1], "zh")
    assert "worker_gone" not in codes(found)

    site.execute("UPDATE processes SET beat_at = beat_at - 60 WHERE kind = 'worker'")
    assert codes(look(site))[0] == "worker_restarts", "between two of its lives it is no other"
    site.execute("UPDATE events SET at = at - 120 WHERE kind LIKE 'process_%'")
    assert codes(look(site))[0] == "worker_gone", "nobody starts it any more"


@pytest.mark.parametrize("kind", KINDS)
def test_of_any_kind_it_is_told_and_alone_does_not_count_as_a_standstill(
    site: Installation, kind: str
) -> None:
    processes_work(site)
    for number, ago in enumerate((60, 45, 30)):
        _started(site, _NOBODY + number, ago, _KILLED, kind, shown=25)
    _started(site, _NOBODY + 9, 5, _KILLED, kind)
    found = look(site)
    assert codes(found) == [f"{kind}_restarts"]
    assert found.causes[0].weight < STOPS


def test_workers_that_were_started_side_by_side_have_not_ended(site: Installation) -> None:
    processes_work(site)
    for number in range(4):
        _started(site, _NOBODY + number, 20)
    assert look(site).well


def test_where_a_number_is_used_again_each_start_counts(site: Installation) -> None:
    for ago in (30, 20, 10):
        _started(site, 1, ago, _KILLED)
    with site.runtime.db.read() as conn:
        (one,) = read(conn, site.runtime, time.time())
    assert [type(start) for start in one.starts] == [Start] * 3
    assert [start.reason for start in one.starts] == [_KILLED] * 3


def test_one_that_is_restarted_in_order_under_its_old_name_does_not_end_again_and_again(
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


def test_a_worker_whose_lives_are_too_short_for_a_scan_stops_everything(
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
def test_a_worker_that_hit_a_memory_limit_is_told_as_that(site: Installation, times: int) -> None:
    processes_work(site, kinds=_all_but_worker())
    for number in range(times):
        _started(site, _NOBODY + number, 10.0 * (times - number), _NO_MEMORY)
    _frames_wait(site, 35)
    found = look(site)
    assert codes(found)[0] == "memory_limit"
    assert not {"worker_hung", "worker_restarts"} & set(codes(found))
    assert "memory.events" in found.causes[0].remedies[0].command
    assert "内存" in text(found.causes[0].evidence[0], "zh")
