"""Fixtures of the faults, and what makes them a report: see README.md beside this file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.faults import report
from tests.faults.camera import Camera
from tests.faults.fleet import Fleet
from tests.faults.installations import EMBEDDED, Embedded, Production, Site
from tests.faults.outcome import PROPERTY, Outcome
from tests.faults.people import People
from tests.faults.trial import SETTINGS, Trial

TYPES = ("人数统计", "人脸检测")
_LONGEST = "random_points"  # 20 kills, one after the other
_QUICK = "test_invariants"


class Trials:
    """Makes trials; each installation lies in a folder of its own."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self._request, self._folder = request, folder
        self._record_property: Callable[[str, object], None] = request.getfixturevalue(
            "record_property"
        )

    def __call__(
        self,
        kind: str = EMBEDDED,
        *,
        settings: str = "",  # TOML lines of [ai_analysis]
        environment: dict[str, str] | None = None,
        rate: float = 20.0,
        fleets: Callable[[str], Sequence[Fleet]] | None = None,  # of the API's URL
        workers: int = 2,
        beats: int = 1,
        download: bool = False,  # services fetch every picture
        **fleet_options: Any,
    ) -> Trial:
        """A trial that has not begun; three services for two task types if not said otherwise."""
        people = People()
        text = f'{SETTINGS}notify_urls = ["{people.url}"]\n{settings}'
        own = environment or {}
        site: Site
        if kind == EMBEDDED:
            site = Embedded(self._folder, text, own)
        else:
            postgres = self._request.getfixturevalue("postgres_server")
            redis = self._request.getfixturevalue("redis_server")
            postgres.start()
            redis.start()
            site = Production(
                self._folder, text, own, postgres, redis, workers=workers, beats=beats
            )
        made = (
            fleets(site.url)
            if fleets
            else [Fleet(site.url, TYPES, options=("--download",) * download, **fleet_options)]
        )
        camera = Camera(site.frames, TYPES, rate=rate)
        return Trial(site, made, camera, people, self._record)

    def _record(self, outcome: Outcome) -> None:
        outcome.group = self._request.path.stem
        self._record_property(PROPERTY, outcome.as_property())


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
        items[:] = _longest_first(items)
        return
    long = [item for item in items if item.get_closest_marker("faults")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def _longest_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Each process of xdist takes two tests to begin with: a long one and a quick one."""
    long = [item for item in items if _LONGEST in item.name]
    others = [item for item in items if item not in long]
    others.sort(key=lambda item: item.path.stem != _QUICK)
    pairs = zip(long, others, strict=False)
    return [item for pair in pairs for item in pair] + others[len(long) :]


_outcomes: list[Outcome] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect what the trials measured; with xdist, where the results come together."""
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
