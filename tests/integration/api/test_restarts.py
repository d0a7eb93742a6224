"""A service that takes a free port at each start is listed once, and may return to an old port."""

from __future__ import annotations

from urllib.parse import urlsplit

from sqlalchemy import text

from easyai.db import clock, live_rows
from easyai.runtime import Runtime
from easyai.tasks.sweep import sweep
from tests.integration.api.live import ANALYSIS, LiveApi
from tests.support.algorithm_stub import AlgorithmStub

ID = "free_port_detector"
RESTARTS = 6
# An hour of work between two starts; the new endpoint came after the last sign of the old endpoint.
_AN_HOUR_LATER = """
    UPDATE services SET register_at = register_at - 3600, state_since = state_since - 3600,
                        last_evidence = last_evidence - 3600, last_heartbeat = last_heartbeat - 3600
"""
_A_DAY_OF_PROBES_LATER = """
    UPDATE services SET last_evidence = last_evidence - 90000, probe_failures = 1440,
                        next_probe_at = 0 WHERE state = 'offline'
"""


def _execute(runtime: Runtime, sql: str) -> None:
    with runtime.db.write() as conn:
        conn.execute(text(sql))


def _shown(runtime: Runtime) -> list[tuple[str, str]]:
    with runtime.db.read() as conn:
        return [(row.endpoint, row.state) for row in live_rows.services(conn, clock.now(conn))]


def _restart(api: LiveApi, runtime: Runtime) -> str:
    """Start on a new port, work for an hour, and stop as a process does that is killed."""
    with AlgorithmStub(ID) as service:
        service.register(api.url)
        service.heartbeat(api.url)
        for _ in range(2):
            sweep(runtime)
            _execute(runtime, "UPDATE services SET next_probe_at = 0 WHERE state = 'suspect'")
        _execute(runtime, _AN_HOUR_LATER)
        return service.endpoint


def test_service_that_restarts_on_new_ports_is_listed_once_after_a_day(
    api: LiveApi, runtime: Runtime
) -> None:
    endpoints = [_restart(api, runtime) for _ in range(RESTARTS)]
    with AlgorithmStub(ID) as service:
        service.register(api.url)
        for _ in range(2):
            sweep(runtime)
        assert sorted(_shown(runtime)) == sorted(
            [(service.endpoint, "online"), *((endpoint, "offline") for endpoint in endpoints)]
        )
        _execute(runtime, _A_DAY_OF_PROBES_LATER)
        sweep(runtime)
        assert _shown(runtime) == [(service.endpoint, "online")]
        known = api.get(f"{ANALYSIS}/services?state=all")["services"]
        reasons = {entry["endpoint"]: entry["state_reason_code"] for entry in known}
        assert [reasons[endpoint] for endpoint in endpoints] == ["service.forgotten"] * RESTARTS
        service.heartbeat(api.url)
        assert len(_shown(runtime)) == 1, "a heartbeat by id is no sign of life of old endpoints"

        with AlgorithmStub(ID, port=urlsplit(endpoints[0]).port or 0) as again:
            again.register(api.url)
            assert sorted(_shown(runtime)) == sorted(
                [(service.endpoint, "online"), (again.endpoint, "online")]
            )
