"""Runs transactions against each other on PostgreSQL, to find deadlocks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from tests.support.services import PostgresServer
from tests.support.site import Installation
from tests.support.site_fixtures import empty

_RUN_SEC = 6.0
_FEWEST = 5  # runs of each job


@pytest.fixture
def migrated_url(postgres_server: PostgresServer, migrated_database: str) -> str:
    """PostgreSQL only: SQLite has a single writer."""
    postgres_server.start()
    empty(migrated_database)
    return migrated_database


@contextmanager
def quick_to_find_deadlocks(site: Installation) -> Iterator[None]:
    """A deadlock shows within 20 ms, not after a second. For connections opened from now on."""
    name = site.rows("SELECT current_database() AS name")[0]["name"]
    site.execute(f'ALTER DATABASE "{name}" SET deadlock_timeout = 20')
    yield
    site.execute(f'ALTER DATABASE "{name}" RESET deadlock_timeout')


def deadlocks(site: Installation) -> int:
    """The number of deadlocks that PostgreSQL has found in this database."""
    (row,) = site.rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return int(row["deadlocks"])


def run_against_each_other(site: Installation, jobs: Sequence[Callable[[], object]]) -> None:
    """Run each job in a thread of its own, again and again; fails at the first deadlock."""
    errors: list[Exception] = []
    before = deadlocks(site)
    until, done = time.monotonic() + _RUN_SEC, [0] * len(jobs)

    def run(number: int) -> None:
        while time.monotonic() < until and not errors:
            try:
                jobs[number]()
            except Exception as error:  # noqa: BLE001 - whatever it is, the test names it
                errors.append(error)
            done[number] += 1

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, str(errors[0])
    assert min(done) >= _FEWEST, done
    assert deadlocks(site) == before
