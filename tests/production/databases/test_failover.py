"""The primary is killed and its standby promoted: easyai goes on by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from easyai.db import migrate
from easyai.db.session import Database
from easyai.errors import DatabaseUnavailableError
from tests.production.conftest import Proves
from tests.production.databases.replication import Primary, Standby
from tests.production.databases.steps import CAMERA, alerts, put, wait_for_alerts
from tests.production.proof import Proof
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.easyai_process import EasyaiProcess

Pair = tuple[Primary, Standby]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A primary and its standby, which has everything."""
    primary = Primary()
    try:
        primary.start()
        standby = Standby(primary)
        try:
            standby.start()
            yield primary, standby
        finally:
            standby.close()
    finally:
        primary.close()


def _url(pair: Pair, name: str) -> str:
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in pair)
    return f"postgresql://easyai@{hosts}/{name}"


def _database_of(pair: Pair) -> str:
    """A fresh database of the pair; its URL names both."""
    return _url(pair, pair[0].create_database().rpartition("/")[2])


def test_no_acknowledged_row_is_lost_with_synchronous_replication(
    pair: Pair, tmp_path: Path, algorithm: AlgorithmStub, proves: Proves
) -> None:
    primary, standby = pair
    primary.wait_for_standby(synchronous=True)
    with EasyaiProcess(tmp_path, environment={"EASYAI_DATABASE_URL": _database_of(pair)}) as site:
        site.start(timeout=60)
        algorithm.delay = 0.05
        algorithm.register(site.url)
        put(site.frames, range(100))
        wait_for_alerts(site, range(20))
        acknowledged = alerts(site)
        primary.kill()  # frames are in flight
        standby.promote()
        promoted_at = time.monotonic()
        put(site.frames, range(100, 120))
        wait_for_alerts(site, range(120))
        went_on_sec = time.monotonic() - promoted_at
        assert went_on_sec < 45, "within seconds, on a busy machine"
        found = {alert["id"]: alert for alert in alerts(site)}
        assert all(found[alert["id"]] == alert for alert in acknowledged)
        assert len(list((site.frames / "alerts" / CAMERA).iterdir())) == 120
        assert list((site.frames / CAMERA).iterdir()) == []
        site.stop()
    fault = "primary killed with frames in flight, synchronous standby promoted"
    proves(Proof("PostgreSQL", fault, 120, went_on_sec))


def test_rows_lost_by_asynchronous_replication_cost_no_frame_and_no_picture(
    pair: Pair, tmp_path: Path, algorithm: AlgorithmStub, proves: Proves
) -> None:
    """Rows of the last moments are gone: their pictures stay, and waiting frames are found anew."""
    primary, standby = pair
    with EasyaiProcess(tmp_path, environment={"EASYAI_DATABASE_URL": _database_of(pair)}) as site:
        site.start(timeout=60)
        algorithm.register(site.url)
        put(site.frames, range(10))
        wait_for_alerts(site, range(10))
        primary.wait_for_standby(synchronous=False)
        standby.follow_no_more()
        put(site.frames, range(10, 20))
        wait_for_alerts(site, range(20))
        algorithm.delay = 60.0  # these are in the ledger of the primary alone when it dies
        put(site.frames, range(20, 25))
        algorithm.wait_for(25)
        primary.kill()
        algorithm.delay = 0.0
        standby.promote()
        put(site.frames, range(25, 30))
        wait_for_alerts(site, [*range(10), *range(20, 30)], timeout=120)
        names = {alert["image_path"].rpartition("/")[2] for alert in alerts(site)}
        assert not names & {f"{number:06d}.jpg" for number in range(10, 20)}, "their rows are lost"
        pictures = {path.name for path in (site.frames / "alerts" / CAMERA).iterdir()}
        assert pictures == {f"{number:06d}.jpg" for number in range(30)}, "no picture is lost"
        site.stop()
    fault = "primary killed, asynchronous standby promoted without the rows of the last 15 frames"
    asserted = "each picture is there; of 10 alerts the row is lost, 5 frames in flight found anew"
    proves(Proof("PostgreSQL", fault, 30, None, asserted))


def test_a_connection_to_a_demoted_server_is_dropped(pair: Pair) -> None:
    """It answers, and refuses to write: the other server is the primary by now."""
    primary, standby = pair
    url = _database_of(pair)
    migrate.upgrade(url)
    primary.wait_for_standby(synchronous=False)
    database = Database(url)
    try:
        _write(database)
        standby.promote()
        primary.change("default_transaction_read_only", "on")
        failures = 0
        until = time.monotonic() + 20
        while time.monotonic() < until and _port(database) != standby.port:
            try:
                _write(database)
            except DatabaseUnavailableError:
                failures += 1
        assert failures <= 2, "not for ever"
        assert _port(database) == standby.port
        _write(database)
    finally:
        database.dispose()


def _write(database: Database) -> None:
    with database.write() as conn:
        conn.execute(text("UPDATE installation SET created_at = created_at"))


def _port(database: Database) -> int:
    with database.read() as conn:
        return int(conn.execute(text("SELECT inet_server_port()")).scalar_one())
