"""A backup of a running `easyai up`, restored elsewhere, where it goes on."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.production.databases.steps import CAMERA, alerts, jpeg, put, wait_for_alerts
from tests.production.effort import in_full
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.easyai_process import EasyaiProcess
from tests.support.part_process import easyai_command, run_to_end
from tests.support.services import PostgresServer
from tests.support.waiting import wait_until


@contextmanager
def _frames_all_the_time(frames: Path) -> Iterator[list[int]]:
    """A camera that writes on and on; the numbers written so far."""
    over, written = threading.Event(), [0]

    def write() -> None:
        for number in itertools.count(1):
            put(frames, [number])
            written.append(number)
            if over.wait(0.05):
                return

    camera = threading.Thread(target=write)
    camera.start()
    try:
        yield written
    finally:
        over.set()
        camera.join()


def _run(site: EasyaiProcess, *arguments: str, **environment: str) -> str:
    own = {**site.installation, **environment}
    done = run_to_end(easyai_command(*arguments), own, site.folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", [in_full("sqlite"), "postgresql"])
def test_installation_restored_from_a_backup_under_load_goes_on(
    kind: str, tmp_path: Path, algorithm: AlgorithmStub, postgres_server: PostgresServer
) -> None:
    urls = [_database(kind, postgres_server) for _ in range(2)]
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    archive = tmp_path / "site.tar"
    with EasyaiProcess(here, environment=urls[0]) as site:
        site.start(timeout=60)
        algorithm.register(site.url)
        algorithm.delay = 0.2
        with _frames_all_the_time(site.frames) as written:
            wait_until(lambda: len(alerts(site)) >= 30, 60, "30 alerts")
            began = written[-1]
            report = json.loads(_run(site, "backup", str(archive), "--json", **urls[0]))
            assert written[-1] > began, "frames came all the time"
            ids = [alert["id"] for alert in alerts(site)]
        wait_for_alerts(site, range(1, written[-1] + 1))
        ids += [alert["id"] for alert in alerts(site)]
        site.stop()
    assert report["pictures"]["alert"] == report["rows"]["alerts"] >= 30
    assert report["lost"] == 0

    with EasyaiProcess(there, environment=urls[1]) as site:
        restored = json.loads(_run(site, "restore", str(archive), "--json", **urls[1]))
        assert restored["rows"]["gone"] <= report["rows"]["frames"] - report["rows"]["alerts"]
        algorithm.delay = 0.0
        site.start(timeout=60)
        assert len(alerts(site)) >= report["rows"]["alerts"]
        for alert in alerts(site):
            name = alert["image_path"].rpartition("/")[2]
            picture = site.frames / "alerts" / CAMERA / name
            assert picture.read_bytes() == jpeg(int(name.removesuffix(".jpg")))
        put(site.frames, range(900_000, 900_010))
        wait_for_alerts(site, range(900_000, 900_010))  # the services are known
        new = [alert["id"] for alert in alerts(site) if alert["id"] > max(ids)]
        assert len(new) >= 10
        assert min(new) == restored["rows"]["next_alert_id"]
        site.stop()


def _database(kind: str, server: PostgresServer) -> dict[str, str]:
    every_alert = {"EASYAI_AI_ANALYSIS__MAX_ALERTS_IN_DB": "0"}
    if kind == "sqlite":
        return every_alert
    return every_alert | {"EASYAI_DATABASE_URL": server.create_database()}
