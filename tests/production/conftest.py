"""Containers of the image and of docker/compose.yaml on a real engine (`make production`)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest

from tests.production.engine import Composed, Engine, started
from tests.support.ports import free_port

Compose = Callable[..., Composed]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known where tests/production is named, as `make production` does."""
    parser.getgroup("production").addoption(
        "--production", action="store_true", help="run the tests on a container engine"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave them out unless they are asked for."""
    if config.getoption("--production", default=False):
        return
    ours = [item for item in items if "tests/production/" in item.nodeid]
    config.hook.pytest_deselected(items=ours)
    items[:] = [item for item in items if item not in ours]


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine with all images; it goes on, for the next run is quicker then."""
    return started()


@pytest.fixture
def compose(engine: Engine) -> Iterator[Compose]:
    """Projects of compose.yaml; all of each is removed afterwards."""
    made: list[Composed] = []

    def make(profiles: str, **environment: str) -> Composed:
        name = f"easyai-test-{secrets.token_hex(3)}"
        made.append(Composed(engine, name, profiles, free_port(), environment))
        return made[-1]

    yield make
    for one in made:
        one("down", "--volumes", "--timeout", "1")
