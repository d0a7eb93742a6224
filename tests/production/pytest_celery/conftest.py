"""pytest-celery's containers from images of this machine; a test that would pull an image fails.

The containers are kept for all tests on a broker. Beside pytest-celery's broker, backend and
worker there are an API, a beat and an algorithm service.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from celery import Celery
from docker.client import DockerClient
from docker.models.images import ImageCollection
from pytest_celery import (
    RABBITMQ_PORTS,
    REDIS_PORTS,
    CeleryTestBroker,
    CeleryTestSetup,
    RabbitMQContainer,
    RedisContainer,
)
from pytest_docker_tools import container, network, volume

from easyai.broker.queue_names import CONTROL_QUEUE
from tests.production.engine import IMAGE, Engine, local
from tests.production.pytest_celery.worker import EasyaiWorker
from tests.production.site import Site

ACCEPTS = "/tmp/accepts"  # the detector refuses every picture before this file is there
FLOWER_LOGIN = ("flower", "a-password")
_NETWORK = "{default_pytest_celery_network.name}"
_HARDENED: dict[str, Any] = {
    "read_only": True,
    "tmpfs": {"/tmp": "mode=1777"},
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
}
_VOLUMES = {
    "{easyai_data.name}": {"bind": "/srv/easyai/data", "mode": "rw"},
    "{easyai_frames.name}": {"bind": "/srv/easyai/snapshots", "mode": "rw"},
}
# By arguments of functions pytest learns on which fixtures a container depends: those of a broker
# are removed before those of the next broker are made.
_OURS: dict[str, Any] = {
    "scope": "module",
    "image": IMAGE,
    "environment": lambda easyai_environment: easyai_environment,
    "network": _NETWORK,
    "volumes": _VOLUMES,
    "timeout": 60,
    **_HARDENED,
}


def _refuse(_images: ImageCollection, name: str, *_: Any, **__: Any) -> NoReturn:
    raise AssertionError(f"{name} would be pulled; these tests use images of this machine only")


@pytest.fixture(scope="session")
def docker_client(engine: Engine) -> Iterator[DockerClient]:
    """The engine of the project for pytest-docker-tools, upon which pytest-celery is built."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImageCollection, "pull", _refuse)
        client = DockerClient(base_url=engine.host)
        yield client
        client.close()


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def broker_kind(request: pytest.FixtureRequest) -> str:
    """Each kind of broker, with an installation of its own."""
    kind: str = request.param
    return kind


default_pytest_celery_network = network(scope="module")
default_redis_broker = container(
    scope="module",
    image=local("redis"),
    ports=REDIS_PORTS,
    network=_NETWORK,
    wrapper_class=RedisContainer,
    command=RedisContainer.command(),
)
default_redis_backend = container(
    scope="module",
    labels={"broker": lambda broker_kind: broker_kind},
    image=local("redis"),
    ports=REDIS_PORTS,
    network=_NETWORK,
    wrapper_class=RedisContainer,
    command=RedisContainer.command(),
)
default_rabbitmq_broker = container(
    scope="module",
    image=local("rabbitmq"),
    ports=RABBITMQ_PORTS,
    network=_NETWORK,
    wrapper_class=RabbitMQContainer,
    timeout=120,
)

easyai_data = volume(scope="module", labels={"broker": lambda broker_kind: broker_kind})
easyai_frames = volume(scope="module", labels={"broker": lambda broker_kind: broker_kind})
easyai_api = container(
    name=lambda api_name: api_name,
    command=["sh", "-c", "easyai db upgrade && exec easyai api"],
    ports={"5066/tcp": None},
    **_OURS,
)
easyai_beat = container(command=["celery", "-A", "easyai", "beat", "-l", "INFO"], **_OURS)
easyai_flower = container(
    command=["celery", "-A", "easyai", "flower", "--address=0.0.0.0"],
    ports={"5555/tcp": None},
    **_OURS,
)
default_worker_container = container(
    command=EasyaiWorker.command(), wrapper_class=EasyaiWorker, **_OURS
)


@pytest.fixture(scope="module")
def api_name(broker_kind: str) -> str:
    """The name of the API's container, by which the others reach it."""
    return f"easyai-{broker_kind}-{secrets.token_hex(3)}"


@pytest.fixture(scope="module")
def easyai_environment(
    request: pytest.FixtureRequest,
    broker_kind: str,
    api_name: str,
    default_redis_backend: RedisContainer,
) -> dict[str, str]:
    """The settings of the installation."""
    return {
        "EASYAI_BROKER_URL": request.getfixturevalue(f"default_{broker_kind}_broker").url,
        "EASYAI_PUBLIC_URL": f"http://{api_name}:5066",
        "EASYAI_AI_ANALYSIS__MAX_ATTEMPTS": "1",
        # Celery's own variable; the tests check its effect on the tasks of easyai.
        "CELERY_RESULT_BACKEND": default_redis_backend.url,
        "FLOWER_BASIC_AUTH": ":".join(FLOWER_LOGIN),
    }


@pytest.fixture(scope="module")
def site(
    engine: Engine,
    api_name: str,
    easyai_api: Any,
    easyai_beat: Any,
    default_worker_container: EasyaiWorker,
    default_pytest_celery_network: Any,
) -> Iterator[Site]:
    """The installation with an algorithm service that refuses everything at first."""
    site = Site(engine, f"http://127.0.0.1:{easyai_api.ports['5066/tcp'][0]}")
    detector = f"{api_name}-detector"
    network_name = default_pytest_celery_network.name
    try:
        site.start_detector(detector, network_name, f"http://{api_name}:5066", ACCEPTS)
        yield site
    finally:
        engine.docker("rm", "--force", detector, check=False)


@pytest.fixture
def celery_broker(request: pytest.FixtureRequest, broker_kind: str) -> CeleryTestBroker:
    """pytest-celery's broker of this kind."""
    return request.getfixturevalue(f"celery_{broker_kind}_broker")


class _Setup(CeleryTestSetup):  # type: ignore[misc]
    """pytest-celery's setup, whose application finds our workers."""

    @classmethod
    def update_app_config(cls, app: Celery) -> None:
        app.conf.update(control_exchange="easyai", task_default_queue=CONTROL_QUEUE)


@pytest.fixture
def celery_setup_cls() -> type[CeleryTestSetup]:
    """The class of the setup."""
    return _Setup
