"""A rolling upgrade from the last release: old and new processes side by side, under load."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from easyai.db import migrate
from tests.production.conftest import Proves
from tests.production.machines.release import last_release, unpacked
from tests.production.machines.servers import Servers
from tests.production.machines.site import WORKERS, Machines, Site
from tests.production.proof import ONE_FATE, Proof
from tests.support.part_process import easyai_command, run_to_end

#: After the schema: the order that docs/scaling.md names.
ORDER = ("api", "watchdog", "beat-1", "beat-2", *WORKERS)


@pytest.fixture
def old_site(
    machines: Machines, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """An installation of the last release at work."""
    folder = tmp_path_factory.mktemp("upgrade")
    site = Site(machines, servers, folder)
    old = unpacked(last_release(), folder / "old")
    site.made_of(old)
    try:
        upgraded = run_to_end(easyai_command("db", "upgrade"), site.variables | old, folder)
        assert upgraded.returncode == 0, upgraded.stderr
        site.start()
        yield site
    finally:
        print(site.output())  # pytest shows it when the test failed
        site.close()


def test_upgrade_host_by_host_under_load_loses_and_doubles_no_frame(
    old_site: Site, proves: Proves
) -> None:
    site, before = old_site, time.time()
    with site.camera:
        site.flows(20)
        site.migrate()
        now, newest = migrate.current(site.database_url)
        assert now == newest
        site.flows(20)  # old processes on the new schema
        for name in ORDER:
            site.parts[name].stop()
            site.made_of({}, name)
            site.parts[name].start()
            if name == WORKERS[0]:
                site.flows(40)  # old and new workers side by side
        site.flows(20)
    site.settle()
    assert all(part.running for part in site.parts.values())
    fault = "upgraded host by host from the last release under load, old and new side by side"
    proves(Proof("Three hosts", fault, len(site.camera.keys), None, ONE_FATE))
    assert not site.alarms_since(before) & {"service_offline", "heartbeats_missing"}
