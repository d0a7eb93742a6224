"""The information for an operator in Flower and by ``celery inspect``, on each broker."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import subprocess
import threading
from collections.abc import Iterator

import pytest
import requests

from tests.production.effort import in_full
from tests.production.flower.gateway import FlowerGateway
from tests.production.flower.plant import (
    HOSTILE,
    MANY,
    PASSWORD,
    PEOPLE,
    SECRETS,
    USER,
    ManagedRabbitmq,
    Plant,
    RedisWithPassword,
    flower_process,
    running,
)
from tests.support.algorithm_stub import Answer, Frame, detections
from tests.support.ports import HeldPort
from tests.support.waiting import wait_until


@pytest.fixture(scope="module", params=[in_full("filesystem"), "redis", in_full("rabbitmq")])
def plant(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Plant]:
    """A plant for each broker; it serves 200 types."""
    kinds = {"filesystem": None, "redis": RedisWithPassword, "rabbitmq": ManagedRabbitmq}
    kind = kinds[request.param]
    server = kind() if kind else None
    types = (PEOPLE, HOSTILE, *MANY)
    try:
        if server is not None:
            server.start()
        with running(tmp_path_factory.mktemp("flower"), server, types) as made:
            yield made
    finally:
        if server is not None:
            server.close()


def test_flower_shows_type_frames_and_outcome_of_each_task(plant: Plant) -> None:
    for task_type in (PEOPLE, HOSTILE):
        row = plant.until_listed(task_type, r"\d+ done")
        assert ast.literal_eval(row["result"]).startswith(f"{task_type}: ")
        assert row["state"] == "SUCCESS"
        assert row["kwargs"] == "{}"
    plant.until_listed(PEOPLE, r"[1-9]\d* failed")


def test_pages_show_every_type_and_no_secret(plant: Plant) -> None:
    def knows_all() -> bool:
        found = plant.ask("GET", "/api/workers?refresh=1").json().values()
        return any(len(worker.get("active_queues", ())) == 1 + 200 for worker in found)

    wait_until(knows_all, 30, "Flower knows the queues of 200 types")
    name = plant.worker
    texts = {path: plant.page(path) for path in ("/workers", "/tasks", f"/worker/{name}?limit=500")}
    texts["tasks"] = json.dumps(plant.tasks(), ensure_ascii=False)
    texts["conf"] = plant.question("inspect", "conf") + plant.question("inspect", "stats")
    texts["log"] = plant.flower.all_output()
    for path, text in texts.items():
        assert not [secret for secret in SECRETS if secret in text], path
        assert "signature" not in text.lower(), path
        assert "/files/" not in text, path
        assert path in ("tasks", "conf", "log") or HOSTILE not in text, "it is escaped"
    assert PEOPLE in texts[f"/worker/{name}?limit=500"]
    assert MANY[-1] in texts[f"/worker/{name}?limit=500"]
    assert "Traceback" not in texts["log"]


def test_broker_page_lists_the_queues_of_a_broker_server(plant: Plant) -> None:
    if plant.server is None:
        assert "filesystem&#x27; broker is not supported" in plant.page("/broker", 404)
        return

    def listed() -> bool:
        return f"infer.{PEOPLE}" in plant.page("/broker")

    wait_until(listed, 30, "the broker's page lists the queue of a type")
    assert HOSTILE not in plant.page("/broker")
    lengths = json.loads(plant.page("/api/queues/length"))["active_queues"]
    assert {f"infer.{HOSTILE}", "easyai"} <= {queue["name"] for queue in lengths}


def test_flower_listens_on_loopback_and_refuses_requests_without_its_password(plant: Plant) -> None:
    listening = subprocess.run(
        ["ss", "-Hltn", f"sport = :{plant.flower_port}"], capture_output=True, text=True, check=True
    ).stdout
    assert re.findall(r"(\S+):\d+\s+\S+:\*", listening) == ["127.0.0.1"]
    name = plant.worker
    for path in ("/tasks", "/workers", "/broker", f"/worker/{name}", "/api/tasks"):
        assert plant.ask("GET", path, login=False).status_code == 401
    shut_down = plant.ask("POST", f"/api/worker/shutdown/{name}", login=False)
    assert shut_down.status_code == 401


def test_inspect_shows_the_dispatcher_at_work(plant: Plant) -> None:
    looked, usual = threading.Event(), plant.stub.answer

    async def hold(frame: Frame) -> Answer:
        await asyncio.to_thread(looked.wait, 25)
        return detections(1)

    plant.stub.answer = hold
    try:
        plant.put(PEOPLE, 5)
        wait_until(lambda: plant.stub.running == 5, 20, "five calls are under way")
        answer = json.loads(plant.question("inspect", "dispatcher", "--json"))
    finally:
        looked.set()
        plant.stub.answer = usual
    (seen,) = answer.values()
    assert seen["state"] == "working"
    assert seen["calls_by_type"] == {PEOPLE: 5}
    assert seen["serves"]["types_known"] == 200
    assert seen["last_minute"]["frames_sent"] >= 5
    assert seen["limits"]["max_concurrent_infer"] == 100
    assert len(json.dumps(answer)) < 8000
    wait_until(lambda: plant.stub.running == 0, 60, "the calls have ended")


def test_bindings_of_the_broker_match_the_declared_routing(plant: Plant) -> None:
    (queues,) = json.loads(plant.question("inspect", "active_queues", "--json")).values()
    declared = {
        queue["name"]: (queue["exchange"]["name"], queue["routing_key"]) for queue in queues
    }
    assert declared["easyai"] == ("easyai", "easyai")
    for task_type in (PEOPLE, HOSTILE, MANY[0], MANY[-1]):
        name = f"infer.{task_type}" if "," not in task_type else ""
        assert declared[name] == ("infer", name)
    if isinstance(plant.server, ManagedRabbitmq):
        real = plant.server.bindings()
        missing = {(where, name, key) for name, (where, key) in declared.items()} - real
        assert not missing
        others = {binding for binding in real if binding[0] == "infer"}
        assert all(queue == key for _, queue, key in others)


def test_purge_and_cancelled_consumers_lose_nothing(plant: Plant) -> None:
    queue = f"infer.{PEOPLE}"
    plant.question("control", "cancel_consumer", queue)
    keys = plant.put(PEOPLE, 4)
    plant.celery("purge", "-f", "-Q", f"{queue},easyai")
    plant.question("control", "add_consumer", queue)
    wanted = {key for key in keys if not _is_dim(key)}

    def done() -> bool:
        alerts = {alert["image_path"] for alert in plant.site.alerts(PEOPLE)}
        return {f"alerts/{key}" for key in wanted} <= alerts

    wait_until(done, 30, "what waited is inferred")


def _is_dim(key: str) -> bool:
    return int(key.rpartition("/")[2].partition(".")[0]) % 4 == 1


# The embedded broker cannot go, and RabbitMQ takes long to come back.
@pytest.mark.parametrize("plant", ["redis"], indirect=True)
def test_without_broker_flower_goes_on_and_writes_no_stack_trace(plant: Plant) -> None:
    assert plant.server is not None
    plant.server.kill()
    wait_until(lambda: "Failed" in plant.flower.all_output(), 30, "Flower reports the broker")
    plant.server.start()

    def works() -> bool:
        plant.put(PEOPLE)
        try:
            return plant.ask("GET", "/workers").ok and bool(plant.tasks(limit=1))
        except requests.RequestException:
            return False

    wait_until(works, 30, "Flower goes on")
    assert "Traceback" not in plant.flower.all_output()


@pytest.mark.parametrize("plant", ["redis"], indirect=True)
def test_flower_works_behind_nginx_under_its_own_path(plant: Plant) -> None:
    held = HeldPort()
    environment = {**plant.up.installation, "FLOWER_BASIC_AUTH": f"{USER}:{PASSWORD}"}
    flower = flower_process(held.number, environment, "--url_prefix=flower", prefix="/flower")
    try:
        with FlowerGateway(held.number) as gateway:
            gateway.start()
            flower.start()
            url = f"http://127.0.0.1:{gateway.port}/flower"
            assert requests.get(f"{url}/workers", timeout=20).status_code == 401
            page = requests.get(f"{url}/workers", auth=(USER, PASSWORD), timeout=20)
            assert page.ok
            links = set(re.findall(r'(?:href|src)="(/[^"]*)"', page.text))
            assert links
            assert {link for link in links if not link.startswith("/flower/")} <= {"/flower"}
            script = next(link for link in links if link.partition("?")[0].endswith("flower.js"))
            assert requests.get(f"http://127.0.0.1:{gateway.port}{script}", timeout=20).ok
    finally:
        flower.close()
        held.release()


def test_wake_of_an_earlier_release_is_executed(plant: Plant) -> None:
    """It comes by the nameless exchange, and its arguments are not yet shown as text."""
    plant.until_listed(PEOPLE, r"[1-9]\d* done")  # Flower receives the events of the worker
    options = ("--args", json.dumps([PEOPLE]), "--queue", f"infer.{PEOPLE}")
    task_id = plant.celery("call", "easyai.infer", *options).strip().splitlines()[-1]

    def listed() -> bool:
        answer = plant.ask("GET", f"/api/task/info/{task_id}")
        return answer.ok and answer.json()["state"] == "SUCCESS"

    wait_until(listed, 30, "the wake has done its work")
