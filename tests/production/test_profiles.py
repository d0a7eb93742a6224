"""The further profiles of docker/compose.yaml: real frames, or real numbers, come through each."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.production.composed import Composed
from tests.production.conftest import Compose
from tests.production.engine import DEMO, RELEASE, ROOT, Engine
from tests.production.site import TYPE
from tests.support.ports import free_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("secrets_made")
_CLIENT = """
import sys
from easyai.settings.source import load
from easyai.store.bucket import Bucket
of = load().frame_extractor.minio
"""
_BUCKET = f"""{_CLIENT}with Bucket(of).asking() as client:
    if sys.argv[1:]:
        client.put(sys.argv[1], sys.stdin.buffer.read(), "image/jpeg")
    print(*(found.key for page in client.pages("") for found in page.objects), sep="\\n")
"""
_BUCKETS = f"""{_CLIENT}for name in sys.argv[1:]:
    bucket = Bucket(of.model_copy(update={{"bucket": name}}))
    bucket.make()
    with bucket.asking() as client:
        client.put("one", b"1", "image/jpeg")
        print(*(name for page in client.pages("") for _ in page.objects))
"""
_CONSUMER = """
from confluent_kafka import Consumer
consumer = Consumer({
    "bootstrap.servers": "kafka:9092", "group.id": "test", "auto.offset.reset": "earliest",
})
consumer.subscribe(["easyai.alerts"])
while not (message := consumer.poll(1.0)) or message.error():
    pass
print(message.value().decode())
"""


def _python(project: Composed, script: str, *arguments: str, given: bytes = b"") -> str:
    """The output of a script in the container with everything."""
    command = ("exec", "--interactive", project.container("easyai"), "python", "-c", script)
    return project.engine.docker(*command, *arguments, given=given)


def test_frames_of_the_bucket_become_alerts_in_it_and_on_kafka(compose: Compose) -> None:
    project = compose(
        "edge,s3,kafka",
        "docker/compose.s3.yaml",
        EASYAI_AI_ANALYSIS__MQ_TYPE="kafka",
        EASYAI_AI_ANALYSIS__MQ_ADDRESS="kafka:9092",
        S3_PORT=str(free_port()),
    )
    project.up()
    project.wait_healthy("s3", "kafka", "easyai")
    project.start_detector("http://easyai:5066")
    picture = (ROOT / "examples" / "street.jpg").read_bytes()
    _python(project, _BUCKET, f"{TYPE}/门口/000001.jpg", given=picture)
    project.site.wait_for_alerts(1)
    # Beside the mark of the installation there is the picture, with the alerts.
    keys = [key for key in _python(project, _BUCKET).split() if key.endswith(".jpg")]
    assert [key.split("/")[0] for key in keys] == ["alerts"], keys
    published = json.loads(_python(project, _CONSUMER))
    assert (published["task_type"], published["task_id"]) == (TYPE, "门口")


def test_bucket_links_open_from_outside_and_further_buckets_can_be_created(
    compose: Compose, engine: Engine
) -> None:
    # An address of this machine that its containers reach as well, as that in its network would be.
    bridge = engine.docker(
        *("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    ).strip()
    port = str(free_port())
    project = compose(
        *("edge,s3", "docker/compose.s3.yaml"),
        **{"S3_LISTEN": bridge, "S3_PORT": port, "S3_ENDPOINT": f"{bridge}:{port}"},
    )
    project.up()
    project.wait_healthy("s3", "easyai")
    project.start_detector("http://easyai:5066")
    picture = (ROOT / "examples" / "street.jpg").read_bytes()
    _python(project, _BUCKET, f"{TYPE}/门口/000001.jpg", given=picture)
    project.site.wait_for_alerts(1)
    [alert] = requests.get(f"{project.url}/api/v1/alerts", timeout=5).json()["items"]
    link = alert["image_url"]
    assert link.startswith(f"http://{bridge}:{port}/easyai/")
    assert requests.get(link, timeout=10).content == picture
    # Each takes several volumes; of SeaweedFS's own eight nothing would be left for these.
    more = ["second", "third", "fourth"]
    assert _python(project, _BUCKETS, *more).split() == more


@pytest.fixture(scope="session")
def demo(engine: Engine) -> None:
    """The image of the demo."""
    engine.build(DEMO, ROOT / "docker" / "Dockerfile", ROOT, "--target", "demo", *RELEASE)


@pytest.mark.usefixtures("demo")
def test_the_demo_detects_people_and_faces_and_runs_only_when_asked(compose: Compose) -> None:
    project = compose("edge,demo")
    project.up()
    project.wait_healthy("easyai", "people-counter", "face-counter")

    def detected() -> bool:
        listed = requests.get(f"{project.url}/api/v1/alerts", timeout=5).json()["items"]
        return {"人数统计", "人脸检测"} <= {alert["task_type"] for alert in listed}

    wait_until(detected, 120, "alerts of both services", 0.5)
    project("stop")
    for service in ("cameras", "people-counter", "face-counter", "easyai"):
        state = project.engine.inspect(project.container(service))["State"]
        assert (service, state["ExitCode"]) == (service, 0)
    assert compose("edge")("config", "--services").split() == ["easyai"]


def test_flower_shows_workers_with_the_login_of_the_file(
    compose: Compose, secrets_made: Path
) -> None:
    port = free_port()
    project = compose("roles,postgres,redis,flower", FLOWER_PORT=str(port))
    project.up("worker", "flower")
    project.wait_healthy("worker", "flower")
    url = f"http://127.0.0.1:{port}/api/workers"
    assert requests.get(url, timeout=10).status_code == 401
    name, password = (secrets_made / "flower_login").read_text().strip().split(":")

    def workers() -> dict[str, Any]:
        answer = requests.get(f"{url}?refresh=1", auth=(name, password), timeout=10)
        found: dict[str, Any] = answer.json()
        return found

    wait_until(
        lambda: [worker.split("@")[0] for worker in workers()] == ["all"], 60, "a worker", 0.5
    )
    container = project.container("flower")
    assert password not in json.dumps(project.engine.inspect(container))
    assert password not in project.engine.docker("top", container, "-o", "pid,args")
    bound = project.engine.inspect(container)["NetworkSettings"]["Ports"]["5555/tcp"]
    assert [binding["HostIp"] for binding in bound] == ["127.0.0.1"]


def test_kafka_has_twice_the_memory_of_its_heap_and_a_health_check_without_java(
    compose: Compose,
) -> None:
    # Tansu has no heap, so this compares the values of the file.
    kafka = json.loads(compose("kafka")("config", "--format", "json"))["services"]["kafka"]
    heap = re.fullmatch(r"-Xmx(\d+)m -Xms\1m", kafka["environment"]["KAFKA_HEAP_OPTS"])
    assert heap
    assert int(heap[1]) * 2**20 <= int(kafka["mem_limit"]) / 2
    assert kafka["healthcheck"]["test"][:2] == ["CMD", "bash"]


def test_seaweedfs_has_the_tested_version_and_a_health_check_of_its_s3_port(
    compose: Compose,
) -> None:
    tried = (ROOT / "tests/production/images/s3.txt").read_text().split()[0].split("==")[1]
    project = compose("s3", S3_IMAGE="")
    s3 = json.loads(project("config", "--format", "json"))["services"]["s3"]
    assert s3["image"] == f"chrislusf/seaweedfs:{tried}"
    assert ":8333/" in s3["healthcheck"]["test"][1]


def test_every_container_has_limits_and_few_rights(compose: Compose) -> None:
    profiles = "edge,roles,postgres,redis,rabbitmq,s3,kafka,flower,monitoring,demo"
    project = compose(profiles, "docker/compose.s3.yaml")
    services = json.loads(project("config", "--format", "json"))["services"]
    assert len(services) == 18
    once = {"migrate", "bucket"}  # these end
    for name, service in services.items():
        assert service["mem_limit"], name
        assert service["restart"] == ("on-failure" if name in once else "unless-stopped"), name
        assert service.get("logging", {}).get("options", {}).get("max-size"), name
        assert name in once or service["stop_grace_period"], name
        assert name in once | {"cameras"} or service["healthcheck"]
        if name not in {"postgres", "redis", "rabbitmq", "s3", "kafka"}:
            assert service["cap_drop"] == ["ALL"], name
            assert service.get("read_only") or name == "grafana", name
        for port in service.get("ports", ()):
            assert port["host_ip"] == "127.0.0.1", name
