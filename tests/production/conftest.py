"""Containers of the image and of docker/compose.yaml on a real engine (`make production`)."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.production import proof
from tests.production.composed import Composed
from tests.production.effort import IN_FULL
from tests.production.engine import ROOT, Engine, started
from tests.production.proof import Proof
from tests.support.ports import free_port
from tests.support.reliability import PAGE, PRODUCTION, put_section

Compose = Callable[..., Composed]
Proves = Callable[[Proof], None]
_proofs: list[Proof] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known where tests/production is named, as `make production` does."""
    parser.getgroup("production").addoption(
        "--production", action="store_true", help="run the tests on a container engine"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Load the plugins that only tests of containers use: their import takes half a second."""
    if config.getoption("--production", default=False):
        for plugin in ("pytest_celery.plugin", "pytest_docker_tools.plugin"):
            config.pluginmanager.import_plugin(plugin)


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave them out unless they are asked for; importing them alone takes seconds."""
    return None if config.getoption("--production", default=False) else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the longest group of tests, so that no process is left alone with it."""
    if not IN_FULL:
        without = [item for item in items if item.get_closest_marker("in_full")]
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]
    order = [*_IN_A_ROW.values()]
    items.sort(key=lambda item: order.index(row) if (row := _row(item.nodeid)) in order else 99)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Side by side run files; in a row all on the container engine, and all of many machines.

    xdist's own groups do nothing with pytest 9.2, which has no name for them to write into.
    """
    return _Rows(config, log)


class _Rows(LoadScopeScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return _row(nodeid)


#: By the name of their folder; the longest first.
_IN_A_ROW: Final = {"production": "engine", "pytest_celery": "engine", "machines": "machines"}


def _row(nodeid: str) -> str:
    file = Path(nodeid.partition("::")[0])
    return _IN_A_ROW.get(file.parent.name, str(file))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect the proofs; with xdist, where the results come together."""
    if report.when == "call" and report.passed:
        values = [value for name, value in report.user_properties if name == proof.PROPERTY]
        _proofs.extend(Proof(**value) for value in values)  # type: ignore[arg-type]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the section of docs/reliability.md when everything was tried in full and passed."""
    config = session.config
    if hasattr(config, "workerinput") or not config.getoption("--production", default=False):
        return
    option = config.option
    partly = option.keyword or option.markexpr or option.lf or option.collectonly or not IN_FULL
    named = [config.rootpath / "tests" / "production"]
    if (
        exitstatus
        or partly
        or [config.invocation_params.dir / argument for argument in config.args] != named
    ):
        return
    put_section(PAGE, PRODUCTION, proof.section(_proofs))


@pytest.fixture
def proves(record_property: Callable[[str, object], None]) -> Proves:
    """Puts a row into docs/reliability.md, if all tests pass."""
    return lambda row: record_property(proof.PROPERTY, row.as_property())


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine with all images; it goes on, for the next run is quicker then."""
    return started()


@pytest.fixture
def compose(engine: Engine) -> Iterator[Compose]:
    """Projects of compose.yaml; all of each is removed afterwards."""
    made: list[Composed] = []

    def make(profiles: str, *overrides: str, **environment: str) -> Composed:
        name = f"easyai-test-{secrets.token_hex(3)}"
        files = ("docker/compose.yaml", *overrides)
        made.append(Composed(engine, name, profiles, free_port(), environment, files))
        return made[-1]

    yield make
    for project in made:
        project.remove()


@pytest.fixture(scope="session")
def secrets_made() -> Path:
    """The passwords of the servers, made by the script that people run."""
    subprocess.run([ROOT / "docker" / "make-secrets"], check=True, capture_output=True)
    return ROOT / "docker" / "secrets"
