"""Services are probed now; the system shows its parts, never a secret."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from easyai.dashboard.routes import system_pages
from easyai.db import audit, migrate, processes, space
from easyai.registry import registration
from tests.integration.api.anywhere import ELSEWHERE
from tests.integration.api.conftest import OpenRuntime
from tests.integration.api.live import LiveApi
from tests.integration.dashboard.people import Dashboard
from tests.integration.dashboard.rows import DASHBOARD, TYPE, Rows
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.ports import free_port

SERVICES = f"{DASHBOARD}/services"


def _register(rows: Rows, endpoint: str) -> str:
    body = {"service_id": "yolo", "task_types": [TYPE], "endpoint": endpoint}
    registration.register(rows.runtime, body)
    return f"{SERVICES}/{quote(endpoint, safe='')}"


def test_probe_now_shows_a_living_service(
    api: LiveApi, rows: Rows, algorithm: AlgorithmStub
) -> None:
    service = _register(rows, algorithm.endpoint)
    rows.execute("UPDATE services SET state = 'offline', next_probe_at = 9e9")
    found = api.post(f"{service}/probe")
    assert (found["ok"], found["reason"], found["endpoint"]) == (True, None, algorithm.endpoint)
    assert rows.execute("SELECT next_probe_at FROM services")[0][0] == 0


def test_probe_now_says_why_a_service_does_not_answer(api: LiveApi, rows: Rows) -> None:
    service = _register(rows, f"http://127.0.0.1:{free_port()}/infer")
    found = api.post(f"{service}/probe?lang=zh")
    assert not found["ok"]
    assert "拒绝" in found["reason"]
    api.error(400, "POST", f"{SERVICES}/nobody/probe")


def test_service_is_approved_and_unregistered(
    api: LiveApi, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = "http://127.0.0.1:9/infer"
    service = _register(rows, endpoint)
    assert api.post(f"{service}/unregister") == {"count": 1}
    api.error(400, "POST", f"{service}/unregister")
    api.error(400, "POST", f"{service}/approve")
    actions = api.get(f"{DASHBOARD}/audit")["items"]
    assert [entry["action"] for entry in actions] == ["unregister"]
    assert "yolo" in actions[0]["text"]


def test_audit_goes_on_beyond_other_events(
    api: LiveApi, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_READ", 3)
    for number in range(10):
        kind = "operator_action" if number % 4 == 0 else "k"
        rows.execute(
            "INSERT INTO events (at, kind, subject, text) VALUES (:n, :kind, 's', 't')",
            n=float(number),
            kind=kind,
        )
    found: list[float] = []
    part = api.get(f"{DASHBOARD}/audit")
    while True:
        found += [item["at"] for item in part["items"]]
        if not part["next"]:
            break
        part = api.get(f"{DASHBOARD}/audit?before={part['next']}")
    assert found == [8.0, 4.0, 0.0]


def test_system_shows_processes_queues_and_disks(api: LiveApi, rows: Rows) -> None:
    with rows.runtime.db.write() as conn:
        processes.beat(conn, "worker", "box", 1, time.time())
        processes.beat(conn, "beat", "box", 2, time.time() - 900)
    rows.frame("a", state="parked", settled_at=None)
    rows.folder.mkdir(parents=True, exist_ok=True)
    found = api.get(f"{DASHBOARD}/system")
    states = {process["kind"]: process["state"] for process in found["processes"]}
    assert states == {"worker": "working", "beat": "silent"}
    assert found["queues"]["parked"] == {TYPE: 1}
    assert {disk["folder"] for disk in found["disks"]} <= {"data", "frames"}
    assert found["bus"]["type"] is None


def test_flower_is_named_only_where_it_answers_the_sender(
    pages: LiveApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as flower:
        port = flower.getsockname()[1]
        monkeypatch.setattr(system_pages, "_FLOWER_PORT", port)
        for host in ("127.0.0.1:5066", "localhost", "[::1]:5066"):
            found = pages.get(f"{DASHBOARD}/system", headers={"Host": host})
            assert found["flower_url"] == f"http://{host.removesuffix(':5066')}:{port}/"
        for headers in ({"X-Forwarded-For": ELSEWHERE}, {"X-Forwarded-For": "127.0.0.1"}):
            assert pages.get(f"{DASHBOARD}/system", headers=headers)["flower_url"] is None
        for host in ("192.0.2.7:5066", socket.gethostname()):  # the port is another machine's there
            found = pages.get(f"{DASHBOARD}/system", headers={"Host": host})
            assert found["flower_url"] is None
    assert pages.get(f"{DASHBOARD}/system")["flower_url"] is None


def test_flower_of_the_settings_is_named_to_every_sender(
    tmp_path: Path, open_on: OpenRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASYAI_FLOWER_URL", "https://gateway.example/flower/")
    url = f"sqlite:///{tmp_path / 'flower.db'}"
    migrate.upgrade(url)
    with Dashboard(open_on(url)) as site:
        for sender in ("127.0.0.1", ELSEWHERE):
            found = site.browser(sender).call("GET", f"{DASHBOARD}/system").json()
            assert found["flower_url"] == "https://gateway.example/flower/"


def test_flower_of_the_settings_on_loopback_is_named_to_who_came_over_loopback(
    tmp_path: Path, open_on: OpenRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASYAI_FLOWER_URL", "http://127.0.0.1:5555")
    url = f"sqlite:///{tmp_path / 'flower.db'}"
    migrate.upgrade(url)
    with Dashboard(open_on(url)) as site:
        for headers, expected in (
            ({"Host": "127.0.0.1:5066"}, "http://127.0.0.1:5555"),
            ({"Host": "localhost:5066"}, "http://127.0.0.1:5555"),
            ({"Host": "192.0.2.7:5066"}, None),
            ({"Host": "127.0.0.1:5066", "X-Forwarded-For": ELSEWHERE}, None),
        ):
            found = site.browser("127.0.0.1").call("GET", f"{DASHBOARD}/system", headers=headers)
            assert found.json()["flower_url"] == expected, headers


def test_size_of_the_database_is_what_its_file_and_log_take_on_the_disk(
    api: LiveApi, rows: Rows
) -> None:
    for number in range(100):
        rows.frame(f"{number}", reason="x" * 1000)
    database = api.get(f"{DASHBOARD}/system")["database"]
    file = space.file_of(rows.runtime.db)
    if file is None:  # PostgreSQL: a server has a single log for all of its databases
        assert (database["log_bytes"], database["free_bytes"]) == (None, None)
        assert database["size_bytes"] > 0
        return
    assert space.space(rows.runtime.db).size > file.stat().st_size, "no page is only in the log"
    log = file.with_name(f"{file.name}-wal").stat().st_size
    assert 0 < log == database["log_bytes"]
    assert database["size_bytes"] == file.stat().st_size + log


def test_settings_hide_their_secrets(
    pages: LiveApi, sqlite_rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASYAI_OPERATOR_TOKEN", "very-secret-token")
    monkeypatch.setenv("EASYAI_BROKER_URL", "redis://:very-secret-word@broker/0")
    values = pages.get(f"{DASHBOARD}/system/settings")["values"]
    keys = {value["key"]: value for value in values}
    assert "ai_analysis.scan_interval_sec" in keys
    assert "very-secret" not in json.dumps(values)


READS = ("alerts", "cameras", "frames", "incidents", "history", "strips", "system")
OPERATORS_READS = ("audit", "system/settings")
WRITES: tuple[tuple[str, str, Any], ...] = (
    ("PUT", "alerts/reviewed", {"ids": [1], "reviewed": True}),
    ("POST", "alerts/delete", {"ids": [1]}),
    ("POST", "frames/requeue", {}),
    ("POST", "frames/discard", {"task_type": TYPE}),
    ("POST", "incidents/1/acknowledge", {}),
    ("POST", "incidents/1/notes", {"text": "x"}),
    ("POST", "mutes", {"scope": "kind", "value": "store_down", "for_sec": 60}),
    ("DELETE", "mutes/1", None),
    ("POST", "services/x/probe", {}),
    ("POST", "services/x/approve", {}),
    ("POST", "services/x/unregister", {}),
)


def test_viewer_reads_and_cannot_write(
    tmp_path: Path, folder: Path, open_on: OpenRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASYAI_VIEWERS", "token")
    url = f"sqlite:///{tmp_path / 'viewers.db'}"
    migrate.upgrade(url)
    runtime = open_on(url)
    sqlite_rows = Rows(runtime, folder)
    alert = sqlite_rows.alert(image_path=sqlite_rows.picture("alerts/1.jpg"))
    picture = f"thumbnails/alerts/{alert}"
    with Dashboard(runtime) as site:
        stranger, viewer, operator = (site.browser(ELSEWHERE) for _ in range(3))
        viewer.login(site.token("viewer"), "wang")
        operator.login(site.token(), "li")
        for path in (*READS, picture):
            assert viewer.call("GET", f"{DASHBOARD}/{path}").status_code == 200, path
            assert stranger.call("GET", f"{DASHBOARD}/{path}").status_code == 403, path
        for path in OPERATORS_READS:
            assert viewer.call("GET", f"{DASHBOARD}/{path}").status_code == 403, path
            assert operator.call("GET", f"{DASHBOARD}/{path}").status_code == 200, path
        for method, path, body in WRITES:
            for browser in (viewer, stranger):
                answer = browser.call(method, f"{DASHBOARD}/{path}", json=body)
                assert answer.status_code == 403, (path, answer.text)
        body = {"ids": [alert], "reviewed": True}
        marked = operator.call("PUT", f"{DASHBOARD}/alerts/reviewed", json=body)
        assert marked.json() == {"count": 1, "by": "li"}
        operator.csrf = ""
        refused = operator.call("PUT", f"{DASHBOARD}/alerts/reviewed", json=body)
        assert refused.status_code == 403
