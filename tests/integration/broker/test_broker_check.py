"""The health check of the broker, on each kind of broker."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from kombu.transport import TRANSPORT_ALIASES

from easyai.broker.broker_check import BrokerCheck
from easyai.errors import BrokerUnavailableError, SettingsError
from easyai.settings.source import SettingsSource
from tests.support.ports import free_port
from tests.support.rabbitmq_servers import ManagedRabbitmq
from tests.support.services import RedisServer

CheckOf = Callable[[str], BrokerCheck]


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
def check_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CheckOf:
    """Makes the check of a broker URL; '' is the embedded broker."""

    def make(url: str) -> BrokerCheck:
        monkeypatch.setenv("EASYAI_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setenv("EASYAI_BROKER_URL", url)
        return BrokerCheck(SettingsSource().current)

    return make


def test_embedded_broker_check_fails_when_its_folder_cannot_be_made(
    check_of: CheckOf, tmp_path: Path
) -> None:
    check = check_of("")
    check.check()
    assert not list((tmp_path / "data" / "broker").glob(".check-*")), "it leaves nothing behind"

    shutil.rmtree(tmp_path / "data" / "broker")
    check.check()
    shutil.rmtree(tmp_path / "data" / "broker")
    (tmp_path / "data" / "broker").write_text("in the way")
    with pytest.raises(BrokerUnavailableError, match="filesystem"):
        check.check()


def test_redis_check_fails_in_time_when_redis_hangs(
    check_of: CheckOf, redis_server: RedisServer
) -> None:
    redis_server.start()
    check = check_of(redis_server.url)
    check.check()
    redis_server.pause()
    try:
        began = time.monotonic()
        with pytest.raises(BrokerUnavailableError):
            check.check()
        assert time.monotonic() - began < 5.0, "one that swallows packets is noticed"
    finally:
        redis_server.resume()
    check.check()


def test_full_redis_is_reported_with_the_remedy(
    check_of: CheckOf, redis_server: RedisServer
) -> None:
    redis_server.start()
    client = redis.Redis.from_url(redis_server.url)
    check = check_of(redis_server.url)
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(BrokerUnavailableError, match=r"\(redis\) is full.*raise maxmemory"):
            check.check()
    finally:
        client.config_set("maxmemory", 0)
    check.check()
    assert not client.exists("easyai.check")
    client.close()


def test_rabbitmq_check_passes(check_of: CheckOf, rabbitmq_server: ManagedRabbitmq) -> None:
    rabbitmq_server.start()
    check_of(rabbitmq_server.url).check()


def test_rabbitmq_alarm_is_named_at_once_by_a_process_without_an_app(
    check_of: CheckOf, rabbitmq_server: ManagedRabbitmq, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As in a process without a Celery application, such as the watchdog.
    monkeypatch.setitem(TRANSPORT_ALIASES, "amqp", "kombu.transport.pyamqp:Transport")
    rabbitmq_server.start()
    check = check_of(rabbitmq_server.url)
    rabbitmq_server.control("set_vm_memory_high_watermark", "0.000001")
    try:
        began = time.monotonic()
        with pytest.raises(BrokerUnavailableError, match="memory or disk alarm is on"):
            check.check()
        assert time.monotonic() - began < check.limit_sec
    finally:
        rabbitmq_server.control("set_vm_memory_high_watermark", "0.4")
    check.check()


def test_check_waits_for_the_last_of_three_hosts(
    check_of: CheckOf, redis_server: RedisServer
) -> None:
    redis_server.start()
    down = f"redis://127.0.0.1:{free_port()}/0"
    check = check_of(f"{down};{down};{redis_server.url}")
    redis_server.pause()
    resume = threading.Timer(1.0, redis_server.resume)
    resume.start()
    try:
        check.check()
    finally:
        resume.join()


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_check_fails_in_time_when_nothing_listens(check_of: CheckOf, scheme: str) -> None:
    check = check_of(f"{scheme}://boss:secret@127.0.0.1:{free_port()}/")
    began = time.monotonic()
    with pytest.raises(BrokerUnavailableError) as raised:
        check.check()
    assert time.monotonic() - began < 5.0
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_check_fails_in_time_when_a_server_accepts_and_never_answers(
    check_of: CheckOf, scheme: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        check = check_of(f"{scheme}://127.0.0.1:{server.getsockname()[1]}/")
        began = time.monotonic()
        with pytest.raises(BrokerUnavailableError):
            check.check()
        assert time.monotonic() - began < 5.0
    before = _open_files()
    with pytest.raises(BrokerUnavailableError):
        check.check()
    assert _open_files() <= before, "no connection is left open"


def test_malformed_broker_url_is_refused_without_showing_it(check_of: CheckOf) -> None:
    with pytest.raises(SettingsError, match=r"easyai\.broker_url: not a URL") as caught:
        check_of("rediss//:geheim@127.0.0.1")
    assert "geheim" not in str(caught.value)
