"""Rights, origins, slow tabs, limits and the end of live sockets."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from easyai.api import login_sessions
from easyai.dashboard import live_hub
from easyai.dashboard.live_feed import MOST_WAITING
from easyai.dashboard.routes import live_routes
from easyai.dashboard.sections.alerts_section import AlertsSection
from easyai.dashboard.sections.cameras_section import CamerasSection
from easyai.dashboard.sections.services_section import ServicesSection
from easyai.dashboard.sections.types_section import TypesSection
from easyai.db import live_rows
from easyai.runtime import Runtime
from tests.integration.api.anywhere import ELSEWHERE
from tests.integration.dashboard.people import SESSION, Dashboard
from tests.integration.dashboard.socket_client import LIVE, Tab


class _Loud:
    """A service with a long name that is another each time."""

    def __init__(self, name: str) -> None:
        self.service_id = self.name = name
        self.pk, self.endpoint, self.version, self.state = 1, "http://a", "", "online"
        self.state_reason, self.state_reason_code, self.state_reason_args = "", None, None
        self.last_evidence = 1.0
        self.state_since = self.last_heartbeat = self.last_success_at = self.last_failure_at = 1.0
        self.last_failure_reason = ""
        self.last_failure_reason_code = self.last_failure_reason_args = None
        self.call_count, self.ewma_ms, self.max_concurrency, self.concurrency_cap = 0, None, None, 0
        self.refused_count = self.timeout_count = self.broken_count = self.unreachable_count = 0
        self.breaker_failures, self.breaker_open_until, self.breaker_pause_sec = 0, 0.0, 0.0


@pytest.fixture
def flood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty states a second, each with another half megabyte."""
    monkeypatch.setattr(live_hub, "_EVERY_SEC", 0.02)
    for section in (ServicesSection, TypesSection, CamerasSection, AlertsSection):
        monkeypatch.setattr(section, "rest", 0)
    padding = "x" * 500_000
    monkeypatch.setattr(
        live_rows, "services", lambda conn, now: [_Loud(f"{padding}{time.monotonic_ns()}")]
    )


@pytest.fixture
def slow(site: Dashboard, flood: None) -> Iterator[Tab]:
    """A tab that has not read while another tab has read thirty messages."""
    plain: dict[str, Any] = {"compression": None}  # the padding would become nothing
    slow_tab = Tab(site.port, max_queue=1, close_timeout=0.5, **plain)
    with slow_tab as slow, Tab(site.port, **plain) as quick:
        slow.take()
        for _ in range(30):
            quick.socket.recv(timeout=10)
        yield slow


def test_tab_that_does_not_read_loses_its_queue_and_gets_the_state(
    slow: Tab,
) -> None:
    kinds, numbers = [], []
    while "state" not in kinds:
        message = json.loads(slow.socket.recv(timeout=10))
        kinds.append(message["kind"])
        numbers.append(message["seq"])
    assert numbers[-1] > numbers[-2] + MOST_WAITING


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null"])
def test_page_of_another_site_gets_no_socket(site: Dashboard, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        Tab(site.port, origin=origin)
    assert refused.value.response.status_code == 403
    with Tab(site.port, origin=site.url) as own:
        assert own.take()["kind"] == "state"


def test_other_paths_have_no_socket_and_answer_as_before(site: Dashboard) -> None:
    url = f"ws://127.0.0.1:{site.port}/healthz"
    with pytest.raises(InvalidStatus) as answered, connect(url, proxy=None):
        pass
    assert answered.value.response.status_code == 200
    assert site.call("GET", LIVE).status_code == 404


def test_tab_without_rights_is_closed_with_a_code_of_its_own(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("EASYAI_VIEWERS", "token")
    monkeypatch.setattr(live_routes, "_CHECK_EVERY_SEC", 0.2)
    monkeypatch.setattr(login_sessions, "_FRESH_SEC", 0.1)
    site: Dashboard = request.getfixturevalue("site")
    site.client.address = ELSEWHERE
    with Tab(site.port) as stranger, pytest.raises(ConnectionClosed):
        stranger.take()
    assert stranger.socket.close_code == 4401
    wang = site.browser()
    wang.login(site.token("viewer"), "wang")
    cookie = {"Cookie": f"easyai_session={wang.session.cookies['easyai_session']}"}
    with Tab(site.port, headers=cookie) as tab:
        assert tab.take()["kind"] == "state"
        wang.call("DELETE", SESSION)
        with pytest.raises(ConnectionClosed):
            tab.until(lambda message: False)
        assert tab.socket.close_code == 4401


def test_tab_that_sends_something_is_closed(site: Dashboard) -> None:
    with Tab(site.port) as tab:
        tab.socket.send("hello")
        with pytest.raises(ConnectionClosed):
            tab.until(lambda message: False)
        assert tab.socket.close_code == 1003


def test_tab_above_the_limit_is_asked_to_come_later(
    site: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_hub, "MOST_TABS", 1)
    with Tab(site.port) as first:
        first.take()
        with Tab(site.port) as second, pytest.raises(ConnectionClosed):
            second.take()
        assert (second.socket.close_code, second.socket.close_reason) == (1013, "too many tabs")


def _session(site: Dashboard, role: str) -> Mapping[str, str]:
    """The header of a new session."""
    browser = site.browser()
    browser.login(site.token(role), "wang")
    return {"Cookie": f"easyai_session={browser.session.cookies['easyai_session']}"}


def _taken(
    tabs: ExitStack, site: Dashboard, address: str, headers: Mapping[str, str] | None = None
) -> bool:
    """Whether a new tab is served, which stays open."""
    site.client.address = address
    tab = tabs.enter_context(Tab(site.port, headers=headers))
    with suppress(ConnectionClosed):
        tab.take()
    return tab.socket.close_code is None


def test_session_or_network_has_a_quarter_of_the_tabs_once_half_are_taken(
    site: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_hub, "MOST_TABS", 8)
    session = _session(site, "operator")
    proxy = {"X-Real-IP": ELSEWHERE}  # does not say in X-Forwarded-For whose tab it is
    with ExitStack() as tabs:
        assert [_taken(tabs, site, ELSEWHERE, session) for _ in range(3)] == [True] * 3
        hosts = [_taken(tabs, site, f"2001:db8::{host}") for host in range(3)]
        assert hosts == [True, True, False]
        assert not _taken(tabs, site, "192.168.7.21", session)
        own = [_taken(tabs, site, "127.0.0.1", headers) for headers in (proxy, proxy, None, None)]
        assert own == [True] * 3 + [False], "no share, but no more than all"


def test_places_are_kept_for_operators_and_for_this_machine(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("EASYAI_VIEWERS", "token")
    site: Dashboard = request.getfixturevalue("site")
    monkeypatch.setattr(live_hub, "MOST_TABS", 10)
    with ExitStack() as tabs:
        viewers = [_taken(tabs, site, ELSEWHERE, _session(site, "viewer")) for _ in range(9)]
        assert viewers == [True] * 8 + [False]
        operators = [_taken(tabs, site, ELSEWHERE, _session(site, "operator")) for _ in range(2)]
        assert operators == [True, False]
        assert [_taken(tabs, site, "127.0.0.1") for _ in range(2)] == [True, False]


def test_stop_does_not_wait_for_tabs_and_a_new_process_goes_on(
    sqlite_runtime: Runtime, open_on: Callable[[str], Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop_sec(tabs: int) -> float:
        with ExitStack() as stack:
            site = Dashboard(open_on(sqlite_runtime.db.url))
            site.client.address = "127.0.0.1"
            site.__enter__()
            opened = [stack.enter_context(Tab(site.port)) for _ in range(tabs)]
            for tab in opened:
                tab.take()
            begun = time.monotonic()
            site.stop()
            took = time.monotonic() - begun
            for tab in opened:
                with pytest.raises(ConnectionClosed):
                    tab.until(lambda message: False)
                assert tab.socket.close_code == 1012
            return took

    alone = stop_sec(0)
    assert stop_sec(5) < alone + 0.5


def test_stop_does_not_wait_for_a_tab_that_does_not_read(site: Dashboard, slow: Tab) -> None:
    begun = time.monotonic()
    site.stop()
    assert time.monotonic() - begun < 2
