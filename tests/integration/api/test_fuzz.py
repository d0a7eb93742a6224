"""Answers of the API match its OpenAPI document, whatever is sent."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from sqlalchemy import delete, insert

from easyai.api.server import create_app
from easyai.db import migrate
from easyai.db.models import Alert
from easyai.registry import registration
from easyai.runtime import Runtime, open_runtime
from tests.integration.api.live import ALERTS, ANALYSIS, LiveApi, error_of

if TYPE_CHECKING:
    import schemathesis

_QUICK = settings(
    max_examples=10,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
REGISTRATION = {
    "service_id": "yolo",
    "task_types": ["人数统计"],
    "endpoint": "http://127.0.0.1:9/infer",
}


@pytest.fixture(scope="module")
def runtime_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """An installation for all requests, so that later requests show what a request broke."""
    folder = tmp_path_factory.mktemp("fuzz")
    url = f"sqlite:///{folder / 'easyai.db'}"
    migrate.upgrade(url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EASYAI_DATABASE_URL", url)
        patch.setenv("EASYAI_DATA_DIR", str(folder / "data"))
        patch.setenv("EASYAI_FRAME_EXTRACTOR__OUTPUT_DIR", str(folder / "snapshots"))
        runtime = open_runtime()
    yield runtime
    runtime.close()


@pytest.fixture(scope="module")
def live(runtime_of_all: Runtime) -> Iterator[LiveApi]:
    """The API over real HTTP."""
    with LiveApi(create_app(runtime_of_all)) as api:
        yield api


def _fill(runtime: Runtime) -> None:
    """Put a service and an alert into the database, whatever earlier requests have left."""
    registration.register(runtime, REGISTRATION)
    now = time.time()
    alert = {
        "task_id": "门口1",
        "task_type": "人数统计",
        "image_path": "alerts/人数统计/门口1/1.jpg",
        "algorithm_id": "yolo",
        "algorithm_name": "",
        "result": '{"count":1}',
        "confidence": 0.5,
        "detection_count": 1,
        "inference_time_ms": 1.0,
        "created_at": now,
        "updated_at": now,
    }
    with runtime.db.write() as conn:
        conn.execute(delete(Alert))
        conn.execute(insert(Alert), alert)


def _errors_have_one_shape(context: Any, response: Any, case: Any) -> None:
    if response.status_code >= 400 and case.method.upper() != "HEAD":
        body = json.loads(response.content)
        assert list(body) == ["error"] or (case.path == "/readyz" and body["error"]), body
        assert isinstance(body["error"], str)
        assert body["error"]


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_every_answer_matches_the_openapi_document(
    live: LiveApi, runtime_of_all: Runtime, subtests: pytest.Subtests, mode: str
) -> None:
    import schemathesis  # here: the import takes half a second

    schema = schemathesis.openapi.from_dict(create_app().openapi())
    operations = [cast(Any, result).ok() for result in schema.get_all_operations()]
    assert len(operations) > 20
    for operation in operations:
        with subtests.test(operation=operation.label):
            _fill(runtime_of_all)
            _ask(live, operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode)))


def _ask(live: LiveApi, cases: Any) -> None:
    """Send generated requests of an operation and compare the answers with the document."""
    from schemathesis import checks
    from schemathesis.specs.openapi import checks as document

    kept = [
        checks.not_a_server_error,
        document.status_code_conformance,
        document.content_type_conformance,
        document.response_schema_conformance,
        document.response_headers_conformance,
    ]

    @_QUICK
    @given(cases)
    def ask(case: schemathesis.Case[Any]) -> None:
        response = case.call(base_url=live.url)
        case.validate_response(response, checks=kept, additional_checks=[_errors_have_one_shape])

    with contextlib.suppress(Unsatisfiable):  # a call without parameters has no invalid requests
        ask()


_BYTES = st.binary(max_size=40)
_PATHS = st.sampled_from(
    [
        f"{ANALYSIS}/register",
        f"{ANALYSIS}/heartbeat/yolo",
        f"{ANALYSIS}/services",
        f"{ANALYSIS}/unregister/x",
        ALERTS,
        f"{ALERTS}/1",
        f"{ALERTS}/batch_delete",
        "/api/v1/files/a/b/c.jpg",
        "/healthz",
    ]
)
_TAILS = st.one_of(
    st.just(b""),
    _BYTES.map(lambda tail: b"?page=" + tail),
    _BYTES.map(lambda tail: b"/" + tail),
    st.text(max_size=8).map(lambda tail: b"?task_id=" + quote(tail).encode()),
    st.sampled_from([b"/%ff%fe", b"/%00", b"?page=%00&page=2", b"/..%2f..%2fetc", b"/%F0%9F%98"]),
)
_HEADERS = st.sampled_from(
    [
        b"",
        b"Content-Type: application/json; charset=utf-16\r\n",
        b"Content-Type: \xff\r\n",
        b"Content-Type: multipart/form-data\r\n",
        b"Content-Encoding: gzip\r\n",
        b"Accept: application/xml\r\n",
        b"Range: bytes=5-1\r\n",
        b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
        b"X-Forwarded-For: " + b"1" * 3000 + b"\r\n",
        b"Cookie: \x80=\x81\r\n",
        b"Expect: 100-continue\r\n",
    ]
)


@settings(_QUICK, max_examples=120)
@given(
    method=st.sampled_from([b"GET", b"POST", b"DELETE", b"PUT", b"OPTIONS", b"GIBBERISH"]),
    path=_PATHS,
    tail=_TAILS,
    header=_HEADERS,
    body=st.one_of(_BYTES, st.sampled_from([b"null", b"[" * 5000, b'{"ids":[1e400]}'])),
)
def test_random_bytes_get_a_json_answer_and_no_server_error(
    live: LiveApi, method: bytes, path: str, tail: bytes, header: bytes, body: bytes
) -> None:
    request = method + b" " + path.encode() + tail + b" HTTP/1.1\r\nHost: t\r\n" + header
    request += b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body

    status, headers, answer = live.raw(request)

    assert status < 500
    assert headers["content-type"] == "application/json"
    if status >= 400:
        assert error_of(answer)


@pytest.mark.parametrize(
    "request_line",
    ["GET /a b HTTP/1.1", "取 / HTTP/1.1", "GET / 协议", "GET  HTTP/1.1", "nonsense", "\x00\x01"],
)
def test_malformed_http_is_refused_with_a_json_error(live: LiveApi, request_line: str) -> None:
    status, headers, body = live.raw(f"{request_line}\r\nHost: t\r\n\r\n".encode())

    assert status == 400
    assert headers["content-type"] == "application/json"
    assert "percent-encode" in error_of(body)
