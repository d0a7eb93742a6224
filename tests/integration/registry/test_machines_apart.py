"""Machines whose clocks differ share a PostgreSQL: its clock alone counts.

The wall clock of this process stands for the machine that is off; whatever it writes must look the
same to all others.
"""

from __future__ import annotations

import json
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner

from easyai.cli.main import cli
from easyai.db import leases
from easyai.pipeline import retention
from easyai.registry import registration
from easyai.registry.views import service_list
from easyai.tasks.single_run import claimed
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.services import PostgresServer
from tests.support.site import TYPE, Installation
from tests.support.site_fixtures import empty
from tests.support.waiting import wait_until

HOUR = 3600.0


@pytest.fixture
def migrated_url(postgres_server: PostgresServer, migrated_database: str) -> str:
    """PostgreSQL only: with SQLite all processes share a machine."""
    postgres_server.start()
    empty(migrated_database)
    return migrated_database


@pytest.fixture(params=[20.0, HOUR, -HOUR], ids=["20 s ahead", "1 h ahead", "1 h behind"])
def off(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    """From now on this machine's clock is off by so many seconds."""
    truth, seconds = time.time, float(request.param)
    monkeypatch.setattr(time, "time", lambda: truth() + seconds)
    return seconds


def test_sweeper_with_another_clock_ends_no_lease_of_a_living_worker(
    site: Installation, off: float
) -> None:
    site.register(AlgorithmStub())
    site.record(2)
    (moment,) = site.rows("SELECT extract(epoch FROM now())::float8 AS now")
    site.execute("UPDATE frames SET due_at = 0")
    assert len(site.lease(now=moment["now"]).frames) == 2
    for _ in range(2):
        assert sweep(site.runtime).expired_leases == 0
    assert site.count("leased") == 2


def test_heartbeat_keeps_a_service_online_on_a_machine_with_another_clock(
    site: Installation, algorithm: AlgorithmStub, off: float
) -> None:
    pk = site.register(algorithm)
    registration.heartbeat(site.runtime, algorithm.service_id)
    row = site.rows("SELECT last_heartbeat - extract(epoch FROM now()) AS ahead FROM services")[0]
    assert abs(row["ahead"]) < 5
    for _ in range(2):
        assert sweep(site.runtime).lapsed == 0
    assert site.service(pk)["state"] == "online"
    (shown,) = service_list(site.runtime, everything=True)["services"]
    assert shown["heartbeat_age_sec"] < 5


def test_periodic_task_held_by_another_machine_is_not_run(site: Installation, off: float) -> None:
    (moment,) = site.rows("SELECT extract(epoch FROM now())::float8 AS now")
    with site.runtime.db.write() as conn:
        leases.acquire(conn, "scan", "another machine", 10.0, moment["now"])
    with claimed(site.runtime.db, "scan", 1.0) as ours:
        assert not ours


def test_done_time_of_a_periodic_task_follows_the_clock_of_the_database(
    site: Installation, off: float
) -> None:
    with claimed(site.runtime.db, "scan", 1.0) as ours:
        assert ours
    (row,) = site.rows("SELECT done_at - extract(epoch FROM now()) AS ahead FROM process_leases")
    assert abs(row["ahead"]) < 5


def test_link_signed_on_a_machine_is_accepted_on_another(
    site: Installation, off: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = f"{TYPE}/门口1/1.jpg"
    query = parse_qs(urlsplit(site.open().store.url(key, HOUR)).query)
    expires, signature = query["expires"][0], query["signature"][0]
    assert HOUR <= int(expires) - (time.time() - off) <= HOUR + 61, "by the database's clock"
    site.open().signer.check(key, expires, signature)
    monkeypatch.undo()
    site.open().signer.check(key, expires, signature)


def test_since_and_until_of_a_command_follow_the_clock_of_the_database(
    site: Installation, off: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASYAI_CONFIG", str(site.config))
    site.record(1)
    site.execute("UPDATE frames SET found_at = extract(epoch FROM now())")

    def found(*options: str) -> int:
        result = CliRunner().invoke(cli, ["frames", "--json", *options])
        return len(json.loads(result.stdout)["frames"])

    assert found("--since", "10m") == 1
    assert found("--until", "10m") == 0


def test_a_type_with_a_rate_goes_on_when_its_next_frame_may_go(
    site: Installation, algorithm: AlgorithmStub, off: float
) -> None:
    site.configure(f'[ai_analysis.types."{TYPE}"]\nrate_limit = "2/s"')
    site.register(algorithm)
    site.record(5)
    site.execute("UPDATE frames SET due_at = 0")
    with site.loop().pumped(TYPE):
        wait_until(lambda: algorithm.count == 5, 10, "all are sent")


def test_retention_follows_the_clock_of_the_database(
    site: Installation, off: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_WAITING_EVERY_SEC", 0.0)
    site.configure(outage_retention_hours=2)
    site.put_many(2)
    site.scan()
    for number, age in enumerate((2 * HOUR - 10, 2 * HOUR + 10)):
        site.execute(
            "UPDATE frames SET due_at = extract(epoch FROM now()) - :age WHERE key LIKE :key",
            age=age,
            key=f"%/0000{number}.jpg",
        )
    site.scan()
    assert [frame["state"] for frame in site.frames()] == ["parked", "dropped"]
