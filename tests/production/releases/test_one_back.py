"""A release back and forth again with a used database: nothing is lost.

The older version may drop columns and tables that only the newer version has.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from easyai.db import migrate
from tests.production.releases.last_release import ROOT, LastRelease, last_release
from tests.production.releases.rows import Rows, columns, empty, fill_empty, rows
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.easyai_process import EasyaiProcess
from tests.support.part_process import easyai_command, run_to_end
from tests.support.waiting import wait_until

TYPE, LATER = "人数统计", "绊线检测"  # the second type has no service at first
# The primary keys of rows that no version deletes while it works.
_KEPT = {"alerts": "id", "frames": "id", "task_types": "name", "services": "endpoint"}


@pytest.fixture(scope="session")
def old(tmp_path_factory: pytest.TempPathFactory) -> LastRelease:
    """The code of the last release."""
    return last_release(tmp_path_factory.mktemp("last-release"))


class Installation:
    """A folder and a database, on which either version is started."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.url = database_url
        self._pictures = 0

    @contextmanager
    def up(self, **environment: str) -> Iterator[EasyaiProcess]:
        """`easyai up`, stopped as a user does."""
        own = {"EASYAI_DATABASE_URL": self.url, **environment}
        process = EasyaiProcess(self.folder, environment=own)
        process.start(timeout=120)
        try:
            yield process
            process.stop()
        except BaseException:
            print(process.log[-8000:])
            raise
        finally:
            process.close()

    def run(self, *arguments: str) -> None:
        """A command of the new version; raises AssertionError when it fails."""
        own = {"EASYAI_DATABASE_URL": self.url, "EASYAI_CONFIG": str(self.folder / "config.toml")}
        done = run_to_end(easyai_command(*arguments), own, self.folder)
        assert done.returncode == 0, done.stdout + done.stderr

    def put(self, task_type: str) -> None:
        """A picture of a camera."""
        camera = self.folder / "snapshots" / task_type / "门口"
        camera.mkdir(parents=True, exist_ok=True)
        self._pictures += 1
        draft = camera / f".{self._pictures}"
        draft.write_bytes((ROOT / "examples" / "street.jpg").read_bytes())
        draft.rename(camera / f"{self._pictures}.jpg")

    def wait_for_alerts(self, up: EasyaiProcess, count: int) -> None:
        """Wait for this many alerts in all."""
        wait_until(lambda: up.get("/api/v1/alerts").json()["total"] == count, 60, f"{count} alerts")


def test_used_database_goes_a_release_back_and_forth(
    old: LastRelease, database_url: str, tmp_path: Path
) -> None:
    site = Installation(tmp_path, database_url)
    with AlgorithmStub("one", (TYPE,)) as service, AlgorithmStub("two", (LATER,)) as later:
        with site.up() as up:
            service.register(up.url)
            site.put(TYPE)
            site.put(LATER)
            site.wait_for_alerts(up, 1)
            wait_until(lambda: _frames(site) == 2, 30, "the frame without a service is known")
        _back_and_forth(site, old)
        kept = _keys(site)
        _back(site, old)
        with site.up(**old.environment) as up:
            assert _revision(site) == old.revision
            later.register(up.url)
            site.put(TYPE)
            site.wait_for_alerts(up, 3)
            assert later.count == 1
        _assert_holds(_keys(site), kept)
        kept = _keys(site)
        with site.up() as up:
            assert _revision(site) == migrate.newest()
            site.put(TYPE)
            site.wait_for_alerts(up, 4)
        _assert_holds(_keys(site), kept)
        assert (service.count, later.count) == (3, 1), "a frame was inferred twice"


def _back(site: Installation, old: LastRelease) -> None:
    if old.revision != migrate.newest():
        site.run("db", "downgrade", old.revision)


def _back_and_forth(site: Installation, old: LastRelease) -> None:
    """Every row of every table that both know is the same afterwards."""
    filled = fill_empty(site.url)
    before = columns(site.url)
    newer = rows(site.url, before)
    assert all(newer.values()), "a table has no row"
    _back(site, old)
    older = columns(site.url)
    both = {
        table: [name for name in names if name in older[table]]
        for table, names in before.items()
        if table in older
    }
    assert set(older) <= set(both)
    site.run("db", "upgrade")
    assert columns(site.url) == before
    assert rows(site.url, both) == _only(newer, both)
    empty(site.url, filled)


def _only(found: Rows, wanted: dict[str, list[str]]) -> Rows:
    return {
        table: [{name: row[name] for name in names} for row in found[table]]
        for table, names in wanted.items()
    }


def _keys(site: Installation) -> dict[str, set[object]]:
    """The primary keys of rows that are never deleted."""
    found = rows(site.url, {table: [key] for table, key in _KEPT.items()})
    return {table: {row[key] for row in found[table]} for table, key in _KEPT.items()}


def _assert_holds(now: dict[str, set[object]], before: dict[str, set[object]]) -> None:
    for table, keys in before.items():
        assert keys <= now[table], table


def _frames(site: Installation) -> int:
    return len(rows(site.url, {"frames": ["id"]})["frames"])


def _revision(site: Installation) -> str | None:
    return migrate.current(site.url)[0]
