"""The incident report over HTTP."""

from __future__ import annotations

from easyai.api.app import create_app
from easyai.api.schemas_diagnosis import DiagnosisBody
from easyai.db import migrate
from tests.integration.api.conftest import OpenRuntime
from tests.integration.api.live import ANALYSIS, LiveApi
from tests.support.services import PostgresServer

PATH = f"{ANALYSIS}/diagnosis"


def test_the_json_is_as_documented(api: LiveApi) -> None:
    body = api.get(PATH)
    assert DiagnosisBody.model_validate(body, strict=False).model_dump() == body
    assert body["status"] == "degraded", "no worker runs here"
    assert body["conclusion"] == body["causes"][0]["code"] == "worker_gone"
    names = [check["name"] for check in body["checks"]]
    assert names == [
        *("database", "store", "broker", "disk", "pictures"),
        *("worker", "beat", "watchdog", "services", "breakers", "queue", "clock"),
    ]


def test_markdown_in_both_languages(sqlite_api: LiveApi) -> None:
    for language, heading in (("en", "## Root causes"), ("zh", "## 根本原因")):
        response = sqlite_api.call("GET", f"{PATH}?format=markdown&lang={language}&probes=false")
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/markdown; charset=utf-8"
        assert heading in response.content.decode()


def test_a_language_that_is_not_spoken_names_the_parameter(sqlite_api: LiveApi) -> None:
    assert sqlite_api.error(400, "GET", f"{PATH}?lang=fr").startswith("lang: ")


def test_with_the_database_down_it_still_answers_and_names_neither_host_nor_user(
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
        for told in (str(postgres_server.port), "connection to server", 'user "'):
            assert told not in response.text
