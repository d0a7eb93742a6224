"""The broker stops, forgets and is replaced: it is a doorbell, the ledger is the truth."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable

import pytest

from easyai.process import presence, self_end
from easyai.process.supervisor_link import END_WHEN_HUNG_VARIABLE
from tests.faults.conftest import Trials
from tests.faults.installations import EMBEDDED, PRODUCTION, RABBITMQ, REDIS, Embedded, Production
from tests.faults.trial import Trial
from tests.support.rabbitmq_servers import ManagedRabbitmq
from tests.support.services import RedisServer

_PARTS = ("api", "worker", "beat", "watchdog")
#: Long enough for a process that hangs to end itself, and for its end.
_HUNG_SEC = self_end.CHECKS * presence.EVERY_SEC + 20


def _redis(trial: Trial) -> RedisServer:
    assert isinstance(trial.site, Production)
    return trial.site.redis


def _stop_and_start(trial: Trial) -> None:
    _redis(trial).kill()
    time.sleep(8)
    _redis(trial).start()


def _hang(trial: Trial) -> None:
    _redis(trial).pause()
    time.sleep(12)
    _redis(trial).resume()


def _wipe(trial: Trial) -> None:
    for _ in range(5):
        _redis(trial).flush()
        time.sleep(0.5)


def _replace(trial: Trial) -> None:
    """Another empty server on the same port, without a moment in between."""
    _redis(trial).kill()
    _redis(trial).start()


@pytest.mark.faults
def test_inference_survives_redis_away_stopped_hung_and_emptied(trials: Trials) -> None:
    with trials(PRODUCTION) as trial:
        with trial.fault("broker away for long (Redis)"):
            _redis(trial).kill()
            trial.alarm("inference_stalled", "broker does not work", within_sec=60)
            _redis(trial).start()
        trial.resumes(within_sec=30)
        trial.alarm_over("inference_stalled", within_sec=30)
        trial.rest()
        _break(trial, "broker stopped and started (Redis)", _stop_and_start)
        trial.rest()
        _break(trial, "broker hangs (Redis)", _hang)
        trial.rest()
        _break(trial, "broker wiped (Redis, FLUSHALL)", _wipe)
        trial.rest()
        _break(trial, "broker replaced by an empty one (Redis)", _replace)


def _break(trial: Trial, name: str, break_it: Callable[[Trial], None]) -> None:
    with trial.fault(name):
        break_it(trial)
    trial.resumes(within_sec=20)


@pytest.mark.faults
def test_inference_survives_rabbitmq_away_hung_emptied_and_blocked(
    trials: Trials, rabbitmq_server: ManagedRabbitmq
) -> None:
    def hang(_: Trial) -> None:
        rabbitmq_server.pause()
        time.sleep(12)
        rabbitmq_server.resume()

    def replace(_: Trial) -> None:
        rabbitmq_server.kill()
        rabbitmq_server.forget()
        rabbitmq_server.start()

    def delete_queues(_: Trial) -> None:
        for queue in rabbitmq_server.queue_types():
            if queue == "easyai" or queue.startswith("infer."):
                rabbitmq_server.control("delete_queue", queue)

    with trials(PRODUCTION, broker=RABBITMQ) as trial:
        with trial.fault("broker away for long (RabbitMQ, kill -9)"):
            rabbitmq_server.kill()
            trial.alarm("inference_stalled", "broker does not work", within_sec=60)
            rabbitmq_server.start()
        trial.resumes(within_sec=30)
        trial.alarm_over("inference_stalled", within_sec=30)
        trial.rest()
        _break(trial, "broker hangs (RabbitMQ)", hang)
        trial.rest()
        _break(trial, "broker replaced by an empty one (RabbitMQ)", replace)
        trial.rest()
        _break(trial, "queues deleted by hand (RabbitMQ)", delete_queues)
        trial.rest()
        with trial.fault("broker takes no messages (RabbitMQ, memory alarm)"):
            rabbitmq_server.control("set_vm_memory_high_watermark", "0.000001")
            try:
                trial.alarm("inference_stalled", "broker does not work", within_sec=60)
            finally:
                rabbitmq_server.control("set_vm_memory_high_watermark", "0.4")
        trial.resumes(within_sec=30)
        trial.alarm_over("inference_stalled", within_sec=30)


@pytest.mark.faults
def test_inference_survives_rabbitmq_stops_cut_connections_and_killed_workers(
    trials: Trials, rabbitmq_server: ManagedRabbitmq
) -> None:
    def stop_and_start(_: Trial) -> None:
        rabbitmq_server.kill()
        time.sleep(8)
        rabbitmq_server.start()

    with trials(PRODUCTION, broker=RABBITMQ, delay_sec=0.3, max_concurrency=8) as trial:
        _break(trial, "broker stopped and started (RabbitMQ)", stop_and_start)
        trial.rest()
        with trial.fault("every connection cut by hand (RabbitMQ)", 3):
            for _ in range(3):
                rabbitmq_server.control("close_all_connections", "by hand")
                time.sleep(1)
        trial.resumes(within_sec=20)
        trial.rest()
        for _ in range(3):
            with trial.fault("worker killed in mid-batch (RabbitMQ)", 3):
                trial.site.kill("worker")
            trial.resumes(within_sec=20)


@pytest.mark.faults
@pytest.mark.parametrize("broker", [REDIS, RABBITMQ])
def test_no_process_ends_itself_while_its_broker_hangs(
    trials: Trials, broker: str, request: pytest.FixtureRequest
) -> None:
    """In containers a hung process ends itself; here its successor would hang as well."""
    server = request.getfixturevalue(f"{broker.lower()}_server")
    with trials(PRODUCTION, broker=broker, environment={END_WHEN_HUNG_VARIABLE: "1"}) as trial:
        before = {part: trial.site.pids(part) for part in _PARTS}
        with trial.fault(f"broker hangs for longer than processes may ({broker})"):
            server.pause()
            time.sleep(_HUNG_SEC)
            server.resume()
        trial.resumes(within_sec=60)
        assert {part: trial.site.pids(part) for part in _PARTS} == before


def _broker_folder(trial: Trial) -> str:
    assert isinstance(trial.site, Embedded)
    return str(trial.site.data / "broker")


@pytest.mark.faults
def test_inference_survives_removed_broker_files(trials: Trials) -> None:
    with trials(EMBEDDED) as trial:
        with trial.fault("broker's folder removed (files)", 3):
            for _ in range(3):
                shutil.rmtree(_broker_folder(trial), ignore_errors=True)
                time.sleep(2)
        trial.resumes(within_sec=15)
