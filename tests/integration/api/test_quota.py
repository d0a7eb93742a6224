"""Registrations are limited per address, in number and per minute; others are not affected."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from easyai.db import registration_requests
from easyai.registry import registration
from easyai.runtime import Runtime
from tests.integration.api.anywhere import ELSEWHERE, Site
from tests.integration.api.live import ANALYSIS

OTHER, LOCAL = "192.168.7.21", "127.0.0.1"


def _body(number: int, address: str = ELSEWHERE) -> dict[str, Any]:
    endpoint = f"http://{address}:{number}/infer"
    return {"service_id": f"s{number}", "task_types": ["t"], "endpoint": endpoint}


def _register(site: Site, number: int, address: str, **headers: str) -> tuple[int, str]:
    body = _body(number, address)
    return site.ask("POST", f"{ANALYSIS}/register", address, body, **headers)


def test_registrations_per_minute_are_limited_per_address(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("EASYAI_REGISTRATIONS_PER_MINUTE", "5")
    site: Site = request.getfixturevalue("open_site")()

    assert [_register(site, 1, ELSEWHERE)[0] for _ in range(7)] == [200] * 5 + [429] * 2
    error = _register(site, 1, ELSEWHERE)[1]
    assert "more than 5 registrations a minute from 192.168.7.20" in error
    assert "easyai.registrations_per_minute" in error
    heartbeat = f"{ANALYSIS}/heartbeat/s1"
    assert [site.ask("POST", heartbeat, ELSEWHERE)[0] for _ in range(7)] == [200] * 7
    # Other addresses, this machine and operators are not held up.
    assert _register(site, 2, OTHER)[0] == 200
    assert [_register(site, 3, LOCAL)[0] for _ in range(7)] == [200] * 7
    assert _register(site, 1, ELSEWHERE, Authorization=site.token())[0] == 200


def test_refused_registration_returns_retry_after(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("EASYAI_REGISTRATIONS_PER_MINUTE", "1")
    site: Site = request.getfixturevalue("open_site")()
    _register(site, 1, ELSEWHERE)
    refused = site.api.call("POST", f"{ANALYSIS}/register", json=_body(1))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")


def test_services_are_limited_per_address(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("EASYAI_SERVICES_PER_SOURCE", "3")
    site: Site = request.getfixturevalue("open_site")()

    statuses = [_register(site, number, ELSEWHERE)[0] for number in (1, 2, 3, 4, 1)]
    assert statuses == [200, 200, 200, 429, 200]  # a registered service may register again
    assert "easyai.services_per_source" in _register(site, 4, ELSEWHERE)[1]
    assert _register(site, 5, OTHER)[0] == 200
    assert [_register(site, number, LOCAL)[0] for number in range(6, 11)] == [200] * 5

    with site.runtime.db.write() as conn:  # a service has been offline for long
        conn.execute(text("UPDATE services SET state = 'offline', register_at = 1 WHERE pk = 1"))
    assert _register(site, 4, ELSEWHERE)[0] == 200


def test_services_waiting_for_approval_count_toward_the_limit(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    registration.register(runtime, _body(1), ELSEWHERE)
    opened = runtime.settings.easyai.model_copy(update={"registration": "approve"})
    settings = runtime.settings.model_copy(update={"easyai": opened})
    monkeypatch.setattr(type(runtime), "settings", settings)
    registration.register(runtime, _body(2), ELSEWHERE)
    registration.register(runtime, _body(3), OTHER)

    with runtime.db.read() as conn:
        counted = [
            registration_requests.count_from(
                conn, ELSEWHERE, f"s{number}", _body(number)["endpoint"], 1e9
            )
            for number in (1, 2, 3)
        ]
    assert counted == [1, 1, 2]
