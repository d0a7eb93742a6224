"""The embedded broker loses nothing to torn files, kills, reboots or long names."""

# kombu declares that it is typed, but few of its functions are.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import itertools
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from kombu.entity import Exchange, Queue
from kombu.messaging import Consumer, Producer

from easyai.broker import embedded_transport as filesystem
from easyai.broker.bindings import Binding, Bindings
from easyai.broker.spool import Spool
from tests.support.waiting import wait_until
from tests.unit.broker.embedded import Broker, Reader, mailbox, task_queue

CHINESE = "infer.人数统计"


StartReader = Callable[[Path], "subprocess.Popen[bytes]"]


@pytest.fixture
def start_reader(broker: Broker) -> Iterator[StartReader]:
    """Starts processes that write their messages to a file; kills them after the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(out: Path) -> subprocess.Popen[bytes]:
        out.touch()
        program = [sys.executable, "-m", "tests.unit.broker.reader_process"]
        root = Path(__file__).parents[3]
        started.append(subprocess.Popen([*program, str(broker.folder), str(out)], cwd=root))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_messages_arrive_in_order_in_queues_with_any_name(broker: Broker) -> None:
    names = [CHINESE, "infer.a.b.c", "infer.with space", "infer.100%", "infer.a/b", "infer.A"]
    names += ["infer.a", "infer.Caf\u00e9", "infer.Cafe\u0301", "infer.😀", "infer.100%25"]
    for number in range(3):
        for name in names:
            broker.put(name, f"{name}:{number}")
    reader = Reader(broker.connect(), *map(task_queue, names))
    received = reader.read(len(names) * 3)
    for name in names:
        own = [body for body in received if body.startswith(f"{name}:")]
        assert own == [f"{name}:{number}" for number in range(3)]


def test_each_of_many_queues_gets_its_turn_beside_a_flooded_queue(broker: Broker) -> None:
    names = [f"infer.{number:03}" for number in range(100)]
    broker.put(names[0], *range(200))
    for name in names[1:]:
        broker.put(name, name)
    reader = Reader(broker.connect(), *map(task_queue, names))
    received = reader.read(200)
    assert set(names[1:]) <= set(received)


def test_thousands_of_queues_cost_next_to_nothing_while_nothing_happens(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(broker.connect(), *(task_queue(f"infer.{n}") for n in range(2000)))
    assert reader.is_idle()
    monkeypatch.setattr(filesystem, "_CLEAN_UP_EVERY_SEC", 0.0)
    began = time.thread_time()
    assert reader.is_idle()
    # Once every 15 s.
    assert time.thread_time() - began < 0.15


def test_a_queue_bound_under_its_own_name_is_reached_through_its_exchange(broker: Broker) -> None:
    reader = Reader(broker.connect(), task_queue(CHINESE), task_queue("infer.other"))
    producer = Producer(broker.connect().channel())
    for name in (CHINESE, "infer.other"):
        exchange = task_queue(name).exchange
        producer.publish(name, exchange=exchange, routing_key=name, declare=[exchange])
    assert sorted(reader.read(2)) == sorted([CHINESE, "infer.other"])


def test_reply_to_a_process_that_has_ended_is_dropped(broker: Broker) -> None:
    exchange = Exchange("reply.box.pidbox", "direct", durable=False)
    queue = Queue("1.reply.box.pidbox", exchange, routing_key="1", auto_delete=True)
    connection = broker.connect()
    reader = Reader(connection, queue)
    producer = Producer(broker.connect().channel())
    producer.publish("answer", exchange=exchange, routing_key="1", declare=[exchange])
    assert reader.read(1) == ["answer"]
    connection.release()
    producer.publish("too late", exchange=exchange, routing_key="1", declare=[exchange])
    assert broker.files() == []


def test_fast_changes_of_bindings_by_another_process_are_seen(tmp_path: Path) -> None:
    ours, theirs = Bindings(tmp_path / "control"), Bindings(tmp_path / "control")
    for number in range(300):
        binding = Binding("", "", f"{number % 3}")
        theirs.bind("box", binding)
        assert ours.table("box") == (binding,)
        theirs.unbind("box", binding)
        assert ours.table("box") == ()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe\x00", b"null", b"[]", b"{}", b'{"properties": {}}', b"\0" * 4096],
)
def test_damaged_message_is_dropped_with_a_single_log_line(
    broker: Broker, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader(broker.connect(), task_queue(CHINESE))
    (broker.folder / "queue" / f"00000000000000000001_x.{CHINESE}.msg").write_bytes(content)
    broker.put(CHINESE, "whole")
    with caplog.at_level(logging.WARNING):
        assert reader.read(1) == ["whole"]
    lines = [record for record in caplog.records if "damaged message" in record.message]
    assert len(lines) == 1
    assert broker.files() == []
    assert list((broker.folder / "claimed").iterdir()) == []


def test_a_torn_exchange_table_is_made_anew_with_the_bindings_of_live_processes(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesystem, "_CLEAN_UP_EVERY_SEC", 0.0)
    reader = Reader(broker.connect(), mailbox("one.pidbox"))
    table = broker.folder / "control" / "box.pidbox.exchange"
    table.write_bytes(table.read_bytes()[:10])
    assert reader.is_idle()
    _broadcast(broker, "hello")
    assert reader.read(1) == ["hello"]


def test_a_broker_folder_that_was_removed_is_made_anew(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesystem, "_CLEAN_UP_EVERY_SEC", 0.0)
    reader = Reader(broker.connect(), task_queue(CHINESE), mailbox("one.pidbox"))
    shutil.rmtree(broker.folder)
    assert reader.is_idle()
    broker.put(CHINESE, "work")
    _broadcast(broker, "control")
    assert sorted(reader.read(2)) == ["control", "work"]


def test_folders_are_readable_for_their_owner_only(broker: Broker) -> None:
    Reader(broker.connect(), mailbox("one.pidbox"))
    folders = [broker.folder, *(path for path in broker.folder.iterdir() if path.is_dir())]
    assert len(folders) == 4
    assert {oct(path.stat().st_mode & 0o777) for path in folders} == {"0o700"}


def test_message_order_survives_a_reboot(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    broker.put(CHINESE, "before")
    monkeypatch.setattr(time, "monotonic", lambda: 1.0)
    monkeypatch.setattr(time, "monotonic_ns", lambda: 1_000_000_000)
    broker.put(CHINESE, "after")
    monkeypatch.undo()
    assert Reader(broker.connect(), task_queue(CHINESE)).read(2) == ["before", "after"]


def test_a_message_in_the_same_tick_of_the_file_clock_is_not_overlooked(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "queue", tmp_path / "claimed")
    spool.put(CHINESE, b"first")
    changed_ns = (tmp_path / "queue").stat().st_mtime_ns
    assert spool.refresh()
    assert spool.take(CHINESE) == b"first"
    spool.put(CHINESE, b"second")
    os.utime(tmp_path / "queue", ns=(changed_ns, changed_ns))
    wait_until(spool.refresh, 0.5)
    assert spool.take(CHINESE) == b"second"


def test_two_processes_take_every_message_exactly_once(
    broker: Broker, tmp_path: Path, start_reader: StartReader
) -> None:
    outputs = [tmp_path / "out0", tmp_path / "out1"]
    for out in outputs:
        start_reader(out)
    numbers = itertools.count()
    sent: list[int] = []

    def both_have_read() -> bool:
        more = list(itertools.islice(numbers, 100))
        broker.put(CHINESE, *more)
        sent.extend(more)
        return all(out.read_text() for out in outputs)

    wait_until(both_have_read, 20)
    wait_until(lambda: len(_taken(tmp_path)) >= len(sent), 20, "all messages taken")
    assert Counter(_taken(tmp_path)) == Counter(sent)


def test_other_processes_go_on_and_the_mailbox_is_removed_after_kill_9(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_reader: StartReader
) -> None:
    reader = start_reader(tmp_path / "out0")
    _wait_for_mailbox(broker, "out0")
    reader.send_signal(signal.SIGSTOP)
    _broadcast(broker, "nobody reads this")
    reader.kill()
    reader.wait()
    assert len(broker.files()) == 1
    monkeypatch.setattr(filesystem, "_CLEAN_UP_EVERY_SEC", 0.0)
    survivor = Reader(broker.connect(), task_queue(CHINESE))
    broker.put(CHINESE, "work")
    assert survivor.read(1) == ["work"]
    assert broker.files() == []
    assert "out0.pidbox" not in (broker.folder / "control" / "box.pidbox.exchange").read_text()


def test_a_process_that_sleeps_keeps_its_mailbox(
    broker: Broker, tmp_path: Path, start_reader: StartReader
) -> None:
    reader = start_reader(tmp_path / "out0")
    _wait_for_mailbox(broker, "out0")
    reader.send_signal(signal.SIGSTOP)
    other = Reader(broker.connect(), task_queue("infer.other"))
    assert other.is_idle()
    _broadcast(broker, 7)
    reader.send_signal(signal.SIGCONT)
    wait_until(lambda: _taken(tmp_path) == [7], 10)


def test_closing_a_connection_removes_its_mailbox_and_no_task_queue(broker: Broker) -> None:
    connection = broker.connect()
    Reader(connection, mailbox("one.pidbox"), task_queue(CHINESE))
    broker.put(CHINESE, "waits")
    connection.release()
    assert not list((broker.folder / "control").glob("*.owner"))
    assert (broker.folder / "control" / "box.pidbox.exchange").read_text() == "[]"
    assert len(broker.files()) == 1


def test_a_mailbox_works_again_after_its_connection_was_closed(broker: Broker) -> None:
    first = broker.connect()
    Reader(first, mailbox("one.pidbox"))
    first.release()
    second = Reader(broker.connect(), mailbox("one.pidbox"))
    _broadcast(broker, "again")
    assert second.read(1) == ["again"]


def test_a_message_taken_and_not_acknowledged_returns_when_the_connection_closes(
    broker: Broker,
) -> None:
    connection = broker.connect()
    broker.put(CHINESE, "work")
    assert connection.channel().basic_get(CHINESE) is not None
    assert broker.files() == []
    connection.release()
    assert Reader(broker.connect(), task_queue(CHINESE)).read(1) == ["work"]


def test_unread_messages_are_deleted_after_their_time(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "broker", message_ttl=100)
    broker.put("infer.gone", "old", "new")
    (broker.folder / "claimed" / "left-by-kill").write_bytes(b"half")
    past = time.time() - 101
    for path in (broker.files()[0], broker.folder / "claimed" / "left-by-kill"):
        os.utime(path, (past, past))
    reader = Reader(broker.connect(), task_queue(CHINESE))
    assert reader.is_idle()
    assert len(broker.files()) == 1
    assert list((broker.folder / "claimed").iterdir()) == []
    broker.close()


def test_interrupt_ends_a_wait_at_once(broker: Broker) -> None:
    connection = broker.connect()
    Reader(connection, task_queue(CHINESE))
    began = time.monotonic()
    connection.transport.interrupt(for_good=True)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            connection.drain_events(timeout=30)
    assert time.monotonic() - began < 5


def test_interrupt_by_another_thread_ends_the_present_wait(broker: Broker) -> None:
    connection = broker.connect()
    Reader(connection, task_queue(CHINESE))
    ended: list[float] = []

    def wait() -> None:
        with suppress(TimeoutError):
            connection.drain_events(timeout=30)
        ended.append(time.monotonic())

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.2)  # less than a poll
    interrupted = time.monotonic()
    connection.transport.interrupt()
    thread.join(10)
    assert ended[0] - interrupted < 0.4


def test_without_inotify_messages_are_found_by_polling(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "other")
    reader = Reader(broker.connect(), task_queue(CHINESE))
    assert reader.is_idle()
    broker.put(CHINESE, "work")
    assert reader.read(1) == ["work"]


def test_messages_over_the_prefetch_limit_wait_for_an_acknowledgement(broker: Broker) -> None:
    connection = broker.connect()
    channel = connection.channel()
    channel.basic_qos(prefetch_count=1)
    messages: list[Any] = []
    consumer = Consumer(channel, [task_queue(CHINESE)], on_message=messages.append)
    consumer.consume()
    broker.put(CHINESE, "one", "two")
    connection.drain_events(timeout=5)
    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=0.1)
    messages[0].ack()
    connection.drain_events(timeout=5)
    assert [message.payload for message in messages] == ["one", "two"]


def test_a_name_too_long_for_a_file_is_an_error_of_the_connection(broker: Broker) -> None:
    connection = broker.connect()
    with pytest.raises(connection.connection_errors):
        broker.put("x" * 300, "work")
    assert not list(broker.folder.rglob("*xxx*"))


def _broadcast(broker: Broker, body: Any) -> None:
    exchange = mailbox("any").exchange
    producer = Producer(broker.connect().channel(), exchange=exchange, serializer="json")
    producer.publish(body, declare=[exchange])


def _wait_for_mailbox(broker: Broker, name: str) -> None:
    table = broker.folder / "control" / "box.pidbox.exchange"
    wait_until(lambda: table.exists() and f"{name}.pidbox" in table.read_text(), 20)


def _taken(folder: Path) -> list[int]:
    lines = [line for path in folder.glob("out*") for line in path.read_text().splitlines()]
    return [int(line) for line in lines]
