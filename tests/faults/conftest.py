"""Fixtures of the faults, and the hooks that write the report: see README.md."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from tests.faults import report
from tests.faults.camera import Camera
from tests.faults.fleet import Fleet
from tests.faults.installations import EMBEDDED, RABBITMQ, REDIS, Embedded, Production, Site
from tests.faults.outcome import PROPERTY, Outcome
from tests.faults.people import People
from tests.faults.schema import Schema
from tests.faults.trial import ALWAYS, SHORT, Trial
from tests.support.services import PostgresServer, RabbitmqServer

TYPES = ("人数统计", "人脸检测")
#: The longest first, those that mostly wait among those that work; others take half a minute.
_LONG = (
    "default_times",
    "each_picture_of_a_bucket",
    "random_points[embedded]",
    "random_points[production]",
    "an hour ahead, then right again-3600-0-embedded",
    "redis_stays_away",
    "rabbitmq_stays_away",
    "rabbitmq_is_stopped",
    "because_its_broker_hangs",
    "postgresql_stays_away",
    "nobody_starts_again",
    "another_process_is_killed",
    "held_worker_is_noticed",
    "everything_is_killed",
    "the_store_cannot_be_read",
    "ten_thousand",
    "heartbeats_of_twelve",
    "hang_and_heal",
)
_QUICK = "test_invariants"
_AT_ONCE = 4  # processes of xdist in `make faults`


class Trials:
    """Makes trials; each installation lies in a folder of its own."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self._request, self._folder = request, folder
        self.thorough: bool = request.config.getoption("--faults", default=False)
        #: How often a random fault is tried: CI has 35 minutes for everything.
        self.times = (6 if os.environ.get("CI") else 20) if self.thorough else 2
        self._record_property: Callable[[str, object], None] = request.getfixturevalue(
            "record_property"
        )

    def __call__(
        self,
        kind: str = EMBEDDED,
        *,
        settings: str = "",  # TOML lines of [ai_analysis]
        times: str = SHORT,  # likewise; '' for the defaults
        environment: dict[str, str] | None = None,
        rate: float = 20.0,
        fleets: Callable[[str], Sequence[Fleet]] | None = None,  # of the API's URL
        workers: int = 2,
        beats: int = 1,
        broker: str = REDIS,  # of production
        elsewhere: Mapping[str, Mapping[str, str]] | None = None,  # of a part, by its name
        migrated: bool = True,  # else the database is empty
        download: bool = False,  # services fetch every picture
        **fleet_options: Any,
    ) -> Trial:
        """A trial that has not begun; by default with three services for two task types."""
        people = People()
        text = f'{ALWAYS}{times}notify_urls = ["{people.url}"]\n{settings}'
        own = environment or {}
        site: Site
        if kind == EMBEDDED:
            site = Embedded(self._folder, text, own)
        else:
            postgres = self._request.getfixturevalue("postgres_server")
            redis = self._request.getfixturevalue("redis_server")
            postgres.start()
            redis.start()
            schema: Schema = self._request.getfixturevalue("schema")
            url = schema.copy() if migrated else postgres.create_database()
            site = Production(
                self._folder,
                text,
                own,
                postgres,
                redis,
                url,
                workers=workers,
                beats=beats,
                broker_url=self._rabbitmq() if broker == RABBITMQ else "",
                elsewhere=elsewhere,
            )
        made = (
            fleets(site.url)
            if fleets
            else [Fleet(site.url, TYPES, options=("--download",) * download, **fleet_options)]
        )
        camera = Camera(site.frames, TYPES, rate=rate)
        return Trial(site, made, camera, people, self.record)

    def _rabbitmq(self) -> str:
        server: RabbitmqServer = self._request.getfixturevalue("rabbitmq_server")
        server.start()
        return server.url

    def record(self, outcome: Outcome) -> None:
        """Put a row into the report."""
        outcome.group = self._request.path.stem
        self._record_property(PROPERTY, outcome.as_property())


@pytest.fixture(scope="session")
def schema(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Schema:
    """The template of each production trial's database."""
    return Schema(postgres_server, tmp_path_factory.mktemp("schema"))


@pytest.fixture
def trials(request: pytest.FixtureRequest, tmp_path: Path) -> Trials:
    """Makes trials on the installations of `tests.faults.installations`."""
    return Trials(request, tmp_path)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the suite; known where tests/faults is named, as `make faults` does."""
    group = parser.getgroup("faults")
    group.addoption("--faults", action="store_true", help="run the long faults too")
    group.addoption(
        "--write-report",
        action="store_true",
        help="write docs/reliability.md when every fault was tried and passed",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long faults out unless they are asked for; then begin with the longest."""
    if config.getoption("--faults", default=False):
        items[:] = longest_first(items)
        return
    long = [item for item in items if item.get_closest_marker("faults")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def longest_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests in another order, so that no long test runs alone at the end.

    Each process of xdist has its next test waiting behind the running test. At the beginning and
    at the end that is a quick test, for no other process can take it.
    """
    quick = [item for item in items if item.path.stem == _QUICK]
    others = sorted((item for item in items if item not in quick), key=_place)
    first, rest = others[:_AT_ONCE], others[_AT_ONCE:]
    pairs = zip_longest(first, quick[: len(first)])
    return [*(item for pair in pairs for item in pair if item), *rest, *quick[len(first) :]]


def _place(item: pytest.Item) -> int:
    return next((place for place, name in enumerate(_LONG) if name in item.name), len(_LONG))


_outcomes: list[Outcome] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect the measurements of the trials; with xdist, where the results come together."""
    if report.when == "call" and report.passed:
        values = [value for name, value in report.user_properties if name == PROPERTY]
        _outcomes.extend(Outcome(**value) for value in values)  # type: ignore[arg-type]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the report when the whole suite ran and passed."""
    config = session.config
    if hasattr(config, "workerinput") or not config.getoption("--write-report", default=False):
        return
    partly = config.option.keyword or config.option.markexpr or not config.option.faults
    if exitstatus == 0 and not partly:
        report.write(_outcomes, config.rootpath / "docs" / "reliability.md")
