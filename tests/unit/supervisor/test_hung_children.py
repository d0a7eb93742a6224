"""A child that falls silent is ended; a slow start or a suspended machine ends no child."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from easyai.domain.reason import Reason, quoted
from easyai.process.end_codes import hung, takes_no_tasks
from easyai.process.supervisor_link import Notifier, to_line
from easyai.supervisor.hung_children import HANG_SEC, Liveness, Verdict
from easyai.supervisor.notify_socket import Notification, NotifySocket
from tests.support.waiting import wait_until

RUNNING = {10: "api", 20: "worker", 30: "watchdog"}
STOP_SEC = {"api": 10, "worker": 25, "watchdog": 8}


class Desk:
    """The judge and its clock."""

    def __init__(self) -> None:
        self.liveness = Liveness(HANG_SEC, STOP_SEC)
        self.now = 0.0

    def pass_time(
        self, seconds: int, *heard: Notification, running: dict[int, str] | None = None
    ) -> list[Verdict]:
        """Look every second, hearing the same each time; the verdicts."""
        verdicts = []
        for _ in range(seconds):
            self.now += 1
            verdicts += self.liveness.check(running or RUNNING, heard, self.now)
        return verdicts


def _alive(*pids: int) -> list[Notification]:
    return [Notification(pid, {"WATCHDOG": "1"}) for pid in pids]


def test_a_child_that_falls_silent_is_ended_after_the_limit_and_the_others_are_not() -> None:
    desk = Desk()
    assert desk.pass_time(60, *_alive(10, 20, 30)) == []
    assert desk.pass_time(30, *_alive(10, 30)) == []
    (verdict,) = desk.pass_time(2, *_alive(10, 30))
    assert (verdict.pid, verdict.orderly) == (20, False)
    assert verdict.reason == hung(31)
    assert desk.pass_time(5, *_alive(10, 30)) == [], "judged once"


def test_worker_suspended_for_twenty_seconds_is_not_ended() -> None:
    desk = Desk()
    desk.pass_time(5, *_alive(20))
    assert desk.pass_time(20) == []
    assert desk.pass_time(60, *_alive(20)) == []


def test_a_child_that_is_still_starting_gets_five_minutes() -> None:
    desk = Desk()
    assert desk.pass_time(300) == []
    assert [child.pid for child in desk.pass_time(5)] == list(RUNNING)


def test_no_child_is_ended_after_the_supervisor_itself_was_suspended() -> None:
    desk = Desk()
    desk.pass_time(5, *_alive(20))
    desk.now += 500
    assert desk.pass_time(29) == []
    assert [child.pid for child in desk.pass_time(5)] == [20]


def test_restarted_child_is_not_judged_by_the_silence_of_its_predecessor() -> None:
    desk = Desk()
    desk.pass_time(5, *_alive(20))
    assert desk.pass_time(60, running={10: "api", 21: "worker"}) == []


def test_stopping_child_gets_its_grace_time() -> None:
    desk = Desk()
    desk.liveness.hang_sec = 3
    desk.pass_time(5, *_alive(20))
    desk.pass_time(1, Notification(20, {"STOPPING": "1"}))
    assert desk.pass_time(23) == []
    assert [child.pid for child in desk.pass_time(5)] == [20]


def test_the_watchdog_may_ask_for_a_restart_which_begins_in_order_and_ends_by_force() -> None:
    desk = Desk()
    desk.pass_time(5, *_alive(*RUNNING))
    ask = {"X_EASYAI_RESTART": "worker", "X_EASYAI_REASON": to_line(takes_no_tasks(31))}
    first = desk.pass_time(1, *_alive(*RUNNING), Notification(30, ask))
    assert first == [Verdict(20, takes_no_tasks(31), orderly=True)]
    assert desk.pass_time(25, *_alive(*RUNNING), Notification(30, ask)) == []
    (last,) = desk.pass_time(1, *_alive(*RUNNING))
    assert (last.pid, last.orderly) == (20, False)
    assert last.reason == Reason.of("process.did_not_end", why=takes_no_tasks(31))


def test_only_the_watchdog_may_request_a_restart() -> None:
    desk = Desk()
    ask = {"X_EASYAI_RESTART": "worker", "X_EASYAI_REASON": "mischief"}
    assert (
        desk.pass_time(
            3, Notification(20, ask), Notification(999, ask), Notification(999, {"WATCHDOG": "1"})
        )
        == []
    )


def test_messages_of_a_process_arrive_with_its_pid(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening = NotifySocket(short_path)
    monkeypatch.setenv("NOTIFY_SOCKET", listening.address)
    notifier = Notifier()
    notifier.alive()
    notifier.alive()  # at once: the second sign is not sent
    assert notifier.ask_restart("worker", quoted("two\nlines"))
    notifier.stopping()
    assert list(listening.received()) == [
        Notification(os.getpid(), {"READY": "1", "WATCHDOG": "1"}),
        Notification(
            os.getpid(),
            {"X_EASYAI_RESTART": "worker", "X_EASYAI_REASON": to_line(quoted("two\nlines"))},
        ),
        Notification(os.getpid(), {"STOPPING": "1"}),
    ]
    listening.close()


def test_a_supervisor_that_does_not_listen_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not Notifier().ask_restart("worker", takes_no_tasks(31))
    monkeypatch.setenv("NOTIFY_SOCKET", "@nobody-listens-here")
    lonely = Notifier()
    lonely.alive()
    lonely.stopping()
    full = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    full.bind("\0easyai-test-full")
    monkeypatch.setenv("NOTIFY_SOCKET", "@easyai-test-full")
    notifier = Notifier()
    wait_until(lambda: not notifier.ask_restart("worker", quoted("until its queue is full")), 10)
    notifier.stopping()
    full.close()
