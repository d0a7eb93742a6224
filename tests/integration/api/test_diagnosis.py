"""The incident report over HTTP."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from easyai.api import diagnosing
from easyai.api.routes import diagnosis_routes as route
from easyai.api.schemas_diagnosis import DiagnosisBody
from easyai.api.server import create_app
from easyai.db import migrate
from easyai.diagnosis.contents import Diagnosis, diagnose
from easyai.messages import catalogue
from easyai.messages.catalogue import languages
from easyai.runtime import Runtime
from easyai.settings.source import SettingsSource
from tests.integration.api.conftest import OpenRuntime
from tests.integration.api.live import ANALYSIS, LiveApi
from tests.support.ports import free_port
from tests.support.reason_texts import reason_texts
from tests.support.services import PostgresServer
from tests.support.waiting import wait_until

PATH = f"{ANALYSIS}/diagnosis"


def test_diagnosis_json_matches_its_schema(api: LiveApi) -> None:
    body = api.get(PATH)
    assert DiagnosisBody.model_validate(body, strict=False).model_dump() == body
    assert body["status"] == "stalled", "no worker runs here"
    assert body["conclusion"] == body["causes"][0]["code"] == "worker_gone"
    names = [check["name"] for check in body["checks"]]
    assert names == [
        *("database", "store", "broker", "disk", "data", "pictures", "settings"),
        *("worker", "beat", "api", "watchdog", "services", "breakers", "queue", "clock"),
        "watch",
    ]


@pytest.mark.parametrize("language", languages())
def test_every_diagnosis_text_comes_with_its_reason_code(
    sqlite_api: LiveApi, language: str
) -> None:
    body = sqlite_api.get(f"{PATH}?lang={language}")
    found = list(reason_texts(body))
    assert len(found) > len(body["symptom"]) + len(body["causes"])
    for words, reason in found:
        assert catalogue.text(reason, language) == words
    assert body["symptom_reasons"][0]["code"].startswith("symptom.")


def test_diagnosis_markdown_exists_in_both_languages(sqlite_api: LiveApi) -> None:
    for language, heading in (("en", "## Root causes"), ("zh", "## 根本原因")):
        response = sqlite_api.call("GET", f"{PATH}?format=markdown&lang={language}&probes=false")
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/markdown; charset=utf-8"
        assert heading in response.content.decode()
        few = sqlite_api.call("GET", f"{PATH}?format=short&lang={language}&probes=false")
        assert few.headers["content-type"] == "text/markdown; charset=utf-8"
        assert 1 < len(few.text.splitlines()) <= 15
        assert heading not in few.text


def test_settings_fault_is_translated_and_has_code_and_arguments(
    tmp_path: Path, open_on: OpenRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "site.toml"
    file.write_text("")
    monkeypatch.setenv("EASYAI_CONFIG", str(file))
    monkeypatch.setattr(SettingsSource, "CHECK_EVERY_SEC", 0.0)
    url = f"sqlite:///{tmp_path / 'easyai.db'}"
    migrate.upgrade(url)
    with LiveApi(create_app(open_on(url))) as api:
        file.write_text("[ai_analysis]\nlease_sec = 0\n")
        body = api.get(f"{PATH}?lang=zh&probes=false")
    (cause,) = [cause for cause in body["causes"] if cause["code"] == "settings_invalid"]
    assert cause["evidence"][0] == f"{file}：ai_analysis.lease_sec：必须大于 0（当前为 0）"
    fault = {
        "code": "settings.got",
        "args": {"fault": {"code": "settings.above", "args": {"limit": 0.0}}, "value": "0"},
    }
    of_key = {"code": "settings.key", "args": {"key": "ai_analysis.lease_sec", "faults": [fault]}}
    in_file = {"code": "settings.file", "args": {"path": str(file), "faults": [of_key]}}
    assert cause["evidence_reasons"][0] == in_file


def test_unsupported_language_is_refused_by_parameter_name(sqlite_api: LiveApi) -> None:
    assert sqlite_api.error(400, "GET", f"{PATH}?lang=fr").startswith("lang: ")


def test_diagnosis_without_the_database_answers_and_hides_host_and_user(
    postgres_server: PostgresServer, postgres_url: str, open_on: OpenRuntime
) -> None:
    migrate.upgrade(postgres_url)
    with LiveApi(create_app(open_on(postgres_url))) as api:
        postgres_server.stop()
        try:
            diagnosis = api.call("GET", PATH)
            markdown = api.call("GET", f"{PATH}?format=markdown")
            ready = api.call("GET", "/readyz")
            failed = api.call("GET", f"{ANALYSIS}/services")
        finally:
            postgres_server.start()
    assert (diagnosis.status_code, diagnosis.json()["status"]) == (200, "unknown")
    assert diagnosis.json()["conclusion"] == "database_down"
    assert (ready.status_code, failed.status_code) == (503, 503)
    for response in (diagnosis, markdown, ready, failed):
        assert "does not answer" in response.text
        for secret in (str(postgres_server.port), "connection to server", 'user "'):
            assert secret not in response.text


def test_invalid_settings_file_is_reported_while_the_old_values_hold(
    tmp_path: Path, open_on: OpenRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'easyai.db'}"
    migrate.upgrade(url)
    file = tmp_path / "site.toml"
    file.write_text("[ai_analysis]\nstall_alarm_sec = 40\n", encoding="utf-8")
    monkeypatch.setenv("EASYAI_CONFIG", str(file))
    monkeypatch.setattr(SettingsSource, "CHECK_EVERY_SEC", 0.0)
    monkeypatch.setattr(diagnosing, "FRESH_SEC", 0.0)
    runtime = open_on(url)

    def codes() -> list[str]:
        return [cause["code"] for cause in api.get(f"{PATH}?probes=false")["causes"]]

    with LiveApi(create_app(runtime)) as api:
        assert "settings_invalid" not in codes()
        for wrong in ("[ai_analysis]\nstall_alarm_sec = 0\n", "[ai_analysis"):
            file.write_text(wrong, encoding="utf-8")
            assert codes()[0] == "settings_invalid"
            assert runtime.settings.ai_analysis.stall_alarm_sec == 40
        file.write_text("[ai_analysis]\nstall_alarm_sec = 50\n", encoding="utf-8")
        assert "settings_invalid" not in codes()
        assert runtime.settings.ai_analysis.stall_alarm_sec == 50


def test_concurrent_requests_share_a_diagnosis_and_block_no_other_request(
    sqlite_runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[bool] = []
    released = threading.Event()

    def slow(runtime: Runtime, probes: bool) -> Diagnosis:
        begun.append(probes)
        assert released.wait(30)
        return diagnose(runtime, probes=False)

    monkeypatch.setattr(route, "examine", slow)
    monkeypatch.setattr(diagnosing, "FRESH_SEC", 60.0)
    # More requests than threads that answer requests.
    with LiveApi(create_app(sqlite_runtime)) as api, ThreadPoolExecutor(80) as clients:
        asked = [clients.submit(api.raw_get, PATH) for _ in range(80)]
        wait_until(lambda: bool(begun), 10, "the diagnosis is under way")
        registered = api.raw_get(f"{ANALYSIS}/services")
        assert not any(request.done() for request in asked), "it is under way still"
        released.set()
        answers = [request.result(30) for request in asked]
        again = api.raw_get(PATH)
    assert registered[0] == 200
    assert {answer[0] for answer in answers} == {200}
    assert again[2] == answers[0][2], "a fresh one serves who comes later"
    assert len(begun) == 1


def test_stale_diagnosis_is_made_anew(sqlite_api: LiveApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosing, "FRESH_SEC", 0.0)
    first, second = sqlite_api.get(f"{PATH}?probes=false"), sqlite_api.get(f"{PATH}?probes=false")
    assert first["at"] < second["at"] <= time.time()


def test_diagnosis_hides_the_address_of_the_bus(
    tmp_path: Path, open_on: OpenRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'easyai.db'}"
    migrate.upgrade(url)
    port = free_port()
    monkeypatch.setenv("EASYAI_AI_ANALYSIS__MQ_TYPE", "redis")
    address = f"redis://boss:pa55word@127.0.0.1:{port}/0"
    monkeypatch.setenv("EASYAI_AI_ANALYSIS__MQ_ADDRESS", address)
    with LiveApi(create_app(open_on(url))) as api:
        answers = [api.call("GET", path).text for path in (PATH, f"{PATH}?format=markdown")]
    for text in answers:
        assert "bus_down" in text
        assert "does not take alerts" in text
        for secret in (str(port), "boss", "pa55word", "ConnectionError"):
            assert secret not in text
