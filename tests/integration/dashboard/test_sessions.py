"""People log in with a token; what a session allows, and when it ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import text

from easyai.api import login_sessions
from easyai.api.login_sessions import LoginSessions
from easyai.db import sessions
from easyai.db.sessions import IDLE_SEC, LONGEST_SEC
from easyai.errors import DatabaseUnavailableError
from easyai.runtime import Runtime
from tests.integration.api.anywhere import ELSEWHERE
from tests.integration.api.live import ALERTS, ANALYSIS
from tests.integration.dashboard.people import SESSION, Dashboard

CLEAR = f"{ANALYSIS}/clear_all"
OpenDashboard = Callable[[Runtime], Dashboard]


@pytest.fixture
def open_dashboard() -> Iterator[OpenDashboard]:
    """Starts API processes with the dashboard."""
    with ExitStack() as stack:
        yield lambda runtime: stack.enter_context(Dashboard(runtime))


@pytest.fixture
def site(sqlite_runtime: Runtime, open_dashboard: OpenDashboard) -> Dashboard:
    """A dashboard that is called from other machines."""
    return open_dashboard(sqlite_runtime)


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Dashboard:
    """A dashboard whose viewers need a token."""
    monkeypatch.setenv("EASYAI_VIEWERS", "token")
    site: Dashboard = request.getfixturevalue("site")
    return site


def _change(site: Dashboard, sql: str, **values: object) -> None:
    with site.runtime.db.write() as conn:
        conn.execute(text(sql), values)


def _looked_up_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_sessions, "_FRESH_SEC", 0.0)


def test_operator_logs_in_writes_and_logs_out(
    runtime: Runtime, open_dashboard: OpenDashboard
) -> None:
    site = open_dashboard(runtime)
    li = site.browser()
    assert li.state()["role"] == "viewer"
    assert li.call("POST", CLEAR).status_code == 403

    answer = li.login(site.token(), " 李 ")
    assert answer.status_code == 200
    state = li.state()
    assert state | {"csrf": "", "version": ""} == {
        "role": "operator",
        "name": "李",
        "csrf": "",
        "local": False,
        "needs_login": False,
        "version": "",
        "utc_offset_sec": time.localtime().tm_gmtoff,
    }
    assert state["csrf"] == answer.json()["csrf"] != ""
    assert li.call("POST", CLEAR).status_code == 200

    assert li.call("DELETE", SESSION).json()["role"] == "viewer"
    assert not li.session.cookies
    assert li.call("POST", CLEAR).status_code == 403


def test_cookie_is_kept_from_scripts_and_other_sites(site: Dashboard) -> None:
    cookie = site.browser().login(site.token()).headers["set-cookie"]
    assert cookie.startswith("easyai_session=")
    for part in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=604800"):
        assert part in cookie
    assert "Secure" not in cookie
    secure = site.browser()
    secure.session.headers["X-Forwarded-Proto"] = "https"
    secure.session.headers["X-Forwarded-For"] = ELSEWHERE
    assert "Secure" in secure.login(site.token()).headers["set-cookie"]


def test_database_has_nothing_to_log_in_with(site: Dashboard) -> None:
    li = site.browser()
    li.login(site.token(), "li")
    with site.runtime.db.read() as conn:
        (row,) = conn.execute(text("SELECT * FROM sessions"))
    kept = " ".join(map(str, row))
    for secret in (li.session.cookies["easyai_session"], li.csrf, site.token()):
        assert secret not in kept
    thief = site.browser()
    for value in row:
        thief.session.cookies["easyai_session"] = str(value)
        assert thief.state()["role"] == "viewer"


@pytest.mark.parametrize("csrf", ["", "0" * 64])
def test_change_without_the_token_of_the_session_is_refused(site: Dashboard, csrf: str) -> None:
    li = site.browser()
    li.login(site.token())
    refused = li.call("POST", CLEAR, headers={"X-CSRF-Token": csrf})
    assert refused.status_code == 403
    assert "X-CSRF-Token" in refused.json()["error"]
    assert li.call("DELETE", SESSION, headers={"X-CSRF-Token": csrf}).status_code == 403
    assert li.call("GET", ALERTS, headers={"X-CSRF-Token": csrf}).status_code == 200
    assert li.call("POST", CLEAR).status_code == 200


def test_viewer_looks_and_cannot_write(guarded: Dashboard) -> None:
    wang = guarded.browser()
    assert wang.state()["needs_login"]
    assert wang.state()["role"] is None
    assert wang.call("GET", ALERTS).status_code == 403
    wang.login(guarded.token("viewer"), "wang")
    assert (wang.state()["role"], wang.state()["needs_login"]) == ("viewer", False)
    assert wang.call("GET", ALERTS).status_code == 200
    assert wang.call("POST", CLEAR).status_code == 403


def test_wrong_token_is_refused_and_slowed_down(site: Dashboard) -> None:
    guesser = site.browser()
    for number in range(10):
        refused = guesser.login(f"guess {number}")
        assert refused.status_code == 403
        assert "token is not known" in refused.json()["error"]
        assert "set-cookie" not in refused.headers
    assert guesser.login(site.token()).status_code == 429
    assert site.browser("192.168.7.77").login(site.token()).status_code == 200


@pytest.mark.parametrize(
    "body", [[], {"token": 1}, {"token": "t", "name": ["li"]}, {"name": "a\nb"}, {"name": "x" * 65}]
)
def test_login_of_another_shape_is_refused_with_the_reason(site: Dashboard, body: object) -> None:
    refused = site.browser().call("POST", SESSION, json=body)
    assert refused.status_code == 400
    assert "name" in refused.json()["error"]


def test_on_the_server_itself_nobody_logs_in_and_a_person_may_have_a_name(site: Dashboard) -> None:
    here = site.browser("127.0.0.1")
    assert here.state() | {"version": ""} == {
        "role": "operator",
        "name": "local",
        "csrf": "",
        "local": True,
        "needs_login": False,
        "version": "",
        "utc_offset_sec": time.localtime().tm_gmtoff,
    }
    assert here.call("GET", SESSION, headers={"X-Person": "%E6%9D%8E"}).json()["name"] == "李"
    assert here.call("GET", SESSION, headers={"X-Person": "a%0Ab"}).json()["name"] == "local"
    elsewhere = site.browser().call("GET", SESSION, headers={"X-Person": "li"}).json()
    assert elsewhere["name"] == ""


def test_person_is_named_in_the_audit_log(
    site: Dashboard, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    li = site.browser()
    li.login(site.token(), "李")
    li.call("POST", f"{ANALYSIS}/inference_stats/reset")
    li.call("DELETE", SESSION)
    here = site.browser("127.0.0.1")
    here.call("POST", f"{ANALYSIS}/inference_stats/reset", headers={"X-Person": "wang"})
    with site.runtime.db.read() as conn:
        rows = conn.execute(text("SELECT text FROM events WHERE kind = 'operator_action'"))
        noted = [row.text for row in rows]
    from_there = f"李, from {ELSEWHERE} with the operator's token"
    assert noted == [
        f"{from_there}: logged in to the dashboard",
        f"{from_there}: reset the statistics of inference",
        f"{from_there}: logged out of the dashboard",
        "wang, from this machine (127.0.0.1): reset the statistics of inference",
    ]
    assert "local=no person='李'" in caplog.text


def test_two_api_processes_agree_on_a_session(
    runtime: Runtime,
    open_on: Callable[[str], Runtime],
    open_dashboard: OpenDashboard,
    migrated_url: str,
) -> None:
    first, second = open_dashboard(runtime), open_dashboard(open_on(migrated_url))
    li = first.browser()
    li.login(first.token(), "li")
    other = second.browser()
    other.session.cookies = li.session.cookies
    assert other.state()["name"] == "li"
    assert other.state()["csrf"] == li.csrf
    li.call("DELETE", SESSION)
    deadline = time.monotonic() + 5
    while other.state()["role"] != "viewer":
        assert time.monotonic() < deadline, "the session has not ended in the other process"
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("column", "lasts_sec"), [("seen_at", IDLE_SEC), ("created_at", LONGEST_SEC)]
)
def test_session_ends_by_its_age_and_without_use(
    site: Dashboard, monkeypatch: pytest.MonkeyPatch, column: str, lasts_sec: float
) -> None:
    _looked_up_anew(monkeypatch)
    li = site.browser()
    li.login(site.token())
    _change(site, f"UPDATE sessions SET {column} = {column} - :sec", sec=lasts_sec - 60)
    assert li.state()["role"] == "operator"
    now = time.time()
    _change(site, f"UPDATE sessions SET {column} = :at", at=now - lasts_sec - 1)
    assert li.state()["role"] == "viewer"
    assert li.call("POST", CLEAR).status_code == 403
    site.browser().login(site.token())
    with site.runtime.db.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM sessions")).scalar() == 1


def test_use_is_recorded_so_that_a_session_in_use_goes_on(
    site: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    _looked_up_anew(monkeypatch)
    li = site.browser()
    li.login(site.token())
    _change(site, "UPDATE sessions SET seen_at = seen_at - 3600")
    li.state()
    with site.runtime.db.read() as conn:
        seen_at = conn.execute(text("SELECT seen_at FROM sessions")).scalar_one()
    assert abs(seen_at - time.time()) < 60


def test_changed_token_ends_the_sessions_that_it_began(
    site: Dashboard,
    monkeypatch: pytest.MonkeyPatch,
    open_dashboard: OpenDashboard,
    open_on: Callable[[str], Runtime],
) -> None:
    li = site.browser()
    li.login(site.token())
    monkeypatch.setenv("EASYAI_OPERATOR_TOKEN", "another operator token")
    restarted = open_dashboard(open_on(site.runtime.db.url))
    again = restarted.browser()
    again.session.cookies = li.session.cookies
    assert again.state()["role"] == "viewer"


def test_known_session_goes_on_while_the_database_is_away(
    site: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    _looked_up_anew(monkeypatch)
    li = site.browser()
    li.login(site.token(), "li")

    def gone(*_: object) -> None:
        raise DatabaseUnavailableError

    monkeypatch.setattr(sessions, "find", gone)
    assert li.state()["name"] == "li"
    stranger = site.browser()
    stranger.session.cookies["easyai_session"] = "A" * 43
    assert stranger.call("GET", SESSION).status_code == 503


def test_known_session_goes_on_while_strangers_send_invented_cookies(
    site: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    _looked_up_anew(monkeypatch)
    monkeypatch.setattr(login_sessions, "_MOST_KEPT", 2)
    li = site.browser()
    li.login(site.token(), "li")
    for letter in "ABC":
        stranger = site.browser()
        stranger.session.cookies["easyai_session"] = letter * 43
        stranger.state()
    monkeypatch.setattr(login_sessions, "_MOST_WAITING", 0)
    assert li.state()["name"] == "li"
    assert stranger.call("GET", SESSION).status_code == 503


def test_heartbeats_and_pictures_never_look_a_session_up(
    site: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = f"http://{ELSEWHERE}:9/infer"
    body = {"service_id": "yolo", "task_types": ["t"], "endpoint": endpoint}
    assert site.browser().call("POST", f"{ANALYSIS}/register", json=body).status_code == 200
    asked: list[str] = []

    async def of(_: LoginSessions, cookie: str) -> None:
        asked.append(cookie)

    monkeypatch.setattr(LoginSessions, "of", of)
    camera = site.browser()
    camera.session.cookies["easyai_session"] = "A" * 43
    assert camera.call("POST", f"{ANALYSIS}/heartbeat/yolo").status_code == 200
    assert camera.call("GET", "/api/v1/files/t/c/1.jpg?expires=1&signature=x").status_code == 403
    assert asked == []
    camera.state()
    assert asked == ["A" * 43]
