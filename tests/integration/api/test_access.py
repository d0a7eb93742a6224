"""Calls of operators from other machines need a token; calls of services need none."""

from __future__ import annotations

import logging
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from easyai.api.server import create_app
from easyai.api.tokens import Tokens
from tests.integration.api.anywhere import ELSEWHERE, Site
from tests.integration.api.live import ALERTS, ANALYSIS, LiveApi

OPERATOR_CALLS = [
    ("POST", f"{ANALYSIS}/clear_all", None),
    ("POST", f"{ANALYSIS}/inference_stats/reset", None),
    ("POST", f"{ALERTS}/batch_delete", {"ids": [1]}),
    ("DELETE", f"{ALERTS}/1", None),
    ("POST", f"{ANALYSIS}/frames/discard", {"task_type": "人数统记"}),
]
VIEWS = [
    ALERTS,
    f"{ALERTS}/1",
    f"{ALERTS}/task_ids",
    f"{ANALYSIS}/diagnosis?probes=false",
    "/metrics",
]
BY_SERVICES = [("POST", f"{ANALYSIS}/heartbeat/yolo", None), ("GET", f"{ANALYSIS}/services", None)]


def test_operator_calls_from_other_machines_need_the_token(site: Site) -> None:
    for method, path, body in OPERATOR_CALLS:
        status, text = site.ask(method, path, ELSEWHERE, body)
        assert status == 403, path
        assert "'Authorization: Bearer TOKEN'" in text
        assert "operator.token" in text

        status, text = site.ask(method, path, ELSEWHERE, body, Authorization="Bearer wrong")
        assert status == 403, path
        assert "the token is not known" in text

        assert site.ask(method, path, ELSEWHERE, body, Authorization=site.token())[0] != 403


def test_every_changing_call_but_those_of_services_needs_the_token(site: Site) -> None:
    of_services = {"register", "heartbeat", "unregister"}
    changing = {
        (method.upper(), path)
        for path, methods in create_app(site.runtime).openapi()["paths"].items()
        if of_services.isdisjoint(path.split("/"))
        for method in methods
        if method not in {"get", "head"}
    }
    assert len(changing) >= len(OPERATOR_CALLS)
    for method, path in changing:
        assert site.ask(method, path.replace("{id}", "1"), ELSEWHERE, {})[0] == 403, path


def test_token_is_created_once_the_data_folder_can_be_written(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    folder = site.runtime.settings.easyai.data_dir
    (folder / "operator.token").unlink()
    blocked = folder / "operator.lock"
    blocked.unlink()
    blocked.mkdir()
    tokens = Tokens(site.runtime)
    assert "no operator token for other machines" in caplog.text
    assert tokens.name_of("anything", ELSEWHERE) == ""
    assert caplog.text.count("no operator token") == 1, "once a minute"
    blocked.rmdir()
    tokens.prepare()
    assert tokens.name_of((folder / "operator.token").read_text(), ELSEWHERE) == "operator"


def test_service_of_an_older_release_with_a_host_name_can_unregister_itself(site: Site) -> None:
    site.register("10.0.0.8", "named", "http://detector:1/infer")
    site.register("10.0.0.8", "numbered", "http://10.0.0.8:1/infer")
    with site.runtime.db.write() as conn:
        conn.execute(text("UPDATE services SET registered_from = ''"))
    assert site.unregister(ELSEWHERE, "numbered") == 403
    assert site.unregister(ELSEWHERE, "named") == 200


def test_calls_from_this_machine_need_no_token(site: Site) -> None:
    site.client.own = "10.1.2.3"
    for address in ("127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "10.1.2.3"):
        for method, path, body in OPERATOR_CALLS:
            assert site.ask(method, path, address, body)[0] != 403, (address, path)


def test_request_through_a_local_proxy_is_not_local(site: Site) -> None:
    named = ("X_Forwarded_For", "X_Real_IP", "Forwarded", "Via", "True_Client_IP")
    for name in (*named, "X_Forwarded_Proto", "X_Forwarded_Host", "CF_Connecting_IP"):
        path = f"{ANALYSIS}/clear_all"
        assert site.ask("POST", path, "127.0.0.1", **{name: "127.0.0.1"})[0] == 403, name


def test_proxy_without_x_forwarded_for_cannot_unregister_a_local_service(
    site: Site,
) -> None:
    here = "http://127.0.0.1:1/infer"
    site.register("127.0.0.1", "yolo", here)
    for name in ("X_Real_IP", "Forwarded", "Via", "X_Forwarded_Proto"):
        assert site.unregister("127.0.0.1", here, **{name: ELSEWHERE}) == 403, name
    status, text = site.ask("DELETE", f"{ANALYSIS}/unregister/yolo", "127.0.0.1", Via="1.1 p")
    assert (status, site.registered) == (403, [here])
    assert "let the proxy send X-Forwarded-For" in text
    # With X-Forwarded-For the API knows that a service of this machine asks.
    assert site.unregister("127.0.0.1", here, X_Forwarded_For="127.0.0.1") == 200


def test_unknown_token_is_logged_once_a_minute_without_its_value(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(5):
        guess = f"Bearer guess-{number}"
        site.ask("POST", f"{ANALYSIS}/clear_all", ELSEWHERE, Authorization=guess)
    lines = [
        record.getMessage() for record in caplog.records if "token that is not known" in record.msg
    ]
    assert lines == [f"a token that is not known was sent: client={ELSEWHERE}"]
    assert "guess-" not in caplog.text


def test_service_of_another_machine_needs_no_token_for_its_calls(site: Site) -> None:
    here, there = f"http://{ELSEWHERE}:1/infer", "http://192.168.7.21:1/infer"
    site.register(ELSEWHERE, "yolo", here)
    for method, path, body in BY_SERVICES:
        assert site.ask(method, path, ELSEWHERE, body)[0] == 200, path
    site.register(ELSEWHERE, "named", "http://detector:1/infer")
    site.register("127.0.0.1", "distant", there)

    assert site.unregister(ELSEWHERE, here) == 200
    assert site.unregister(ELSEWHERE, "named") == 200  # registered from there
    assert site.unregister("192.168.7.21", "distant") == 200  # its endpoint's host
    assert site.registered == []


def test_service_of_another_machine_unregisters_only_itself(site: Site) -> None:
    others, own = ["http://10.0.0.8:1/infer", "http://detector:1/infer"], f"http://{ELSEWHERE}:1/i"
    site.register("10.0.0.8", "yolo", others[0])
    site.register("10.0.0.9", "yolo", others[1])

    assert site.unregister(ELSEWHERE, "yolo") == 403
    assert [site.unregister(ELSEWHERE, endpoint) for endpoint in others] == [403, 403]
    assert site.unregister(ELSEWHERE, "unknown") == 400

    site.register(ELSEWHERE, "yolo", own)
    assert site.unregister(ELSEWHERE, "yolo") == 200  # only its own endpoint
    assert site.registered == others

    assert site.unregister(ELSEWHERE, "yolo", Authorization=site.token()) == 200
    assert site.registered == []


def test_views_need_a_token_when_the_settings_require_it(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("EASYAI_VIEWERS", "token")
    site: Site = request.getfixturevalue("open_site")()
    for path in VIEWS:
        status, text = site.ask("GET", path, ELSEWHERE)
        assert status == 403, path
        assert "viewer.token" in text
        for allowed in (site.token("viewer"), site.token()):
            assert site.ask("GET", path, ELSEWHERE, Authorization=allowed)[0] in (200, 404), path
        assert site.ask("GET", path, "127.0.0.1")[0] in (200, 404), path

    # The viewer token allows no changes.
    for method, path, body in OPERATOR_CALLS:
        status, text = site.ask(method, path, ELSEWHERE, body, Authorization=site.token("viewer"))
        assert status == 403, path
        assert "the viewer's token is not enough" in text


def test_views_need_no_token_by_default(site: Site) -> None:
    for path in VIEWS:
        assert site.ask("GET", path, ELSEWHERE)[0] in (200, 404), path
    assert not (site.data / "viewer.token").exists()


def test_token_is_created_once_readable_by_its_owner_and_never_logged(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    file = site.data / "operator.token"
    token = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(token) == 64

    with caplog.at_level(logging.DEBUG):
        site.ask("POST", f"{ANALYSIS}/clear_all", ELSEWHERE, Authorization=f"Bearer {token}")
        site.ask("POST", f"{ANALYSIS}/clear_all", ELSEWHERE, Authorization=f"Bearer {token}x")
    assert token not in caplog.text
    with LiveApi(create_app(site.runtime)):
        assert file.read_text() == token


def test_token_of_the_settings_is_accepted(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("EASYAI_OPERATOR_TOKEN", "a-token-of-the-operators")
    site: Site = request.getfixturevalue("open_site")()

    path, token = f"{ANALYSIS}/clear_all", "bearer  a-token-of-the-operators"
    assert site.ask("POST", path, ELSEWHERE, Authorization=token)[0] == 200
    assert not (site.data / "operator.token").exists()


def test_api_starts_and_logs_the_remedy_when_the_token_cannot_be_stored(
    tmp_path: Path, open_site: Callable[[], Site], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data" / "operator.token").mkdir()  # it cannot be read as a file
    site = open_site()

    path = f"{ANALYSIS}/clear_all"
    assert "set easyai.operator_token" in caplog.text
    assert site.ask("POST", path, ELSEWHERE, Authorization="Bearer ")[0] == 403
    assert site.ask("POST", path, ELSEWHERE, Authorization="Bearer x")[0] == 403
    assert site.ask("POST", path, "127.0.0.1")[0] == 200
