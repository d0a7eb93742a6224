"""The API's documents match the API and need no internet."""

from __future__ import annotations

import re
from typing import Any

from jsonschema_rs import Draft202012Validator

from tests.integration.api.live import ANALYSIS, LiveApi
from tests.support.registration_bodies import REFUSED, TAKEN, changed

CALLS = {
    ("post", "/api/v1/ai_analysis/register"),
    ("post", "/api/v1/ai_analysis/heartbeat/{id}"),
    ("delete", "/api/v1/ai_analysis/unregister/{id}"),
    ("post", "/api/v1/ai_analysis/clear_all"),
    ("get", "/api/v1/ai_analysis/services"),
    ("get", "/api/v1/ai_analysis/services/stats/{task_type}"),
    ("get", "/api/v1/ai_analysis/load_balance/info"),
    ("get", "/api/v1/ai_analysis/load_balance/analysis"),
    ("get", "/api/v1/ai_analysis/diagnosis"),
    ("get", "/api/v1/ai_analysis/inference_stats"),
    ("post", "/api/v1/ai_analysis/inference_stats/reset"),
    ("get", "/api/v1/alerts"),
    ("get", "/api/v1/alerts/{id}"),
    ("delete", "/api/v1/alerts/{id}"),
    ("post", "/api/v1/alerts/batch_delete"),
    ("get", "/api/v1/alerts/task_ids"),
    ("get", "/api/v1/files/{key}"),
    ("head", "/api/v1/files/{key}"),
    ("get", "/healthz"),
    ("get", "/readyz"),
}


def _operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def test_openapi_describes_every_call_of_the_contract_with_its_errors(sqlite_api: LiveApi) -> None:
    document = sqlite_api.get("/openapi.json")
    operations = _operations(document)

    assert set(operations) >= CALLS
    for (method, path), operation in operations.items():
        assert "422" not in operation["responses"], path
        if "/api/v1/" in path:
            schema = operation["responses"]["default"]["content"]["application/json"]["schema"]
            assert schema["$ref"].endswith("/ErrorBody"), path
        is_json = "files" not in path and path != "/metrics"
        if method in ("get", "post", "delete") and is_json:
            content = operation["responses"]["200"]["content"]["application/json"]
            assert content["schema"], path
    body = operations["post", "/api/v1/ai_analysis/register"]["requestBody"]
    schema = body["content"]["application/json"]["schema"]
    assert schema["required"] == ["service_id", "task_types", "endpoint"]


def test_registration_is_accepted_exactly_if_it_fits_its_schema(sqlite_api: LiveApi) -> None:
    register = f"{ANALYSIS}/register"
    operation = sqlite_api.get("/openapi.json")["paths"][register]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    fits = Draft202012Validator(schema).is_valid

    for field, value in (*TAKEN, *REFUSED):
        body = changed(field, value)
        answer = sqlite_api.call("POST", register, json=body)
        assert answer.status_code == (200 if fits(body) else 400), (field, value, answer.text)
        if answer.status_code == 400:
            assert answer.json()["error"].startswith(f"{field}: ")


def test_documentation_pages_load_nothing_from_other_servers(sqlite_api: LiveApi) -> None:
    for path in ("/docs", "/redoc"):
        page = sqlite_api.call("GET", path).text
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert loaded, path
        for link in loaded:
            assert link.startswith(("/", "data:")), link
            if link.startswith("/"):
                assert sqlite_api.call("GET", link).status_code == 200
