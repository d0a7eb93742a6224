"""The bodies that the API publishes are the bodies that the server takes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from easyai.api.server import API_PREFIX, create_app
from easyai.errors import BadRequestError
from easyai.registry.payload import parse_registration, reported_stats
from tests.support.registration_bodies import (
    REFUSED,
    REFUSED_BY_THE_SERVER_ALONE,
    TAKEN,
    TAKEN_BY_NAME,
    changed,
)

_PATHS = create_app().openapi()["paths"]


def _published(call: str) -> Draft202012Validator:
    body = _PATHS[f"{API_PREFIX}/ai_analysis/{call}"]["post"]["requestBody"]
    return Draft202012Validator(body["content"]["application/json"]["schema"])


REGISTER = _published("register")
HEARTBEAT = _published("heartbeat/{id}")
# U+FEFF is a blank for ECMAScript alone; halves of surrogate pairs are no text.
_NASTY = st.text("ab.:/@[]%?#*\\09\t\n\x1c\x85\x00\x9f \u3000\u2028人e\u0301é", max_size=12)


def _is_taken(body: Any) -> bool:
    try:
        parse_registration(body)
    except BadRequestError:
        return False
    return True


def _shortened(value: Any) -> str:
    return repr(value)[:50]


@pytest.mark.parametrize(("field", "value"), [*TAKEN, *TAKEN_BY_NAME], ids=_shortened)
def test_a_body_that_the_server_takes_fits_the_published_schema(field: str, value: Any) -> None:
    body = changed(field, value)
    assert (_is_taken(body), REGISTER.is_valid(body)) == (True, True)


@pytest.mark.parametrize(("field", "value"), REFUSED, ids=_shortened)
def test_a_body_that_the_server_refuses_does_not_fit_the_published_schema(
    field: str, value: Any
) -> None:
    body = changed(field, value)
    assert (_is_taken(body), REGISTER.is_valid(body)) == (False, False)


@pytest.mark.parametrize(("field", "value"), REFUSED_BY_THE_SERVER_ALONE, ids=_shortened)
def test_the_published_schema_is_never_the_stricter_judge(field: str, value: Any) -> None:
    body = changed(field, value)
    assert (_is_taken(body), REGISTER.is_valid(body)) == (False, True)


@pytest.mark.parametrize("body", [None, [], "text", 7, True, {}])
def test_server_and_schema_refuse_a_body_that_is_no_registration(body: Any) -> None:
    assert (_is_taken(body), REGISTER.is_valid(body)) == (False, False)


@given(st.sampled_from(["service_id", "name", "version"]), _NASTY)
def test_server_and_schema_judge_any_short_text_alike(field: str, text: str) -> None:
    body = changed(field, text)
    assert _is_taken(body) == REGISTER.is_valid(body)


@given(st.lists(_NASTY, max_size=3))
def test_server_and_schema_judge_any_short_task_types_alike(names: list[str]) -> None:
    body = changed("task_types", names)
    assert _is_taken(body) == REGISTER.is_valid(body)


@given(
    st.sampled_from(["endpoint", "health_url"]),
    st.builds("{}{}:{}{}".format, st.just("http://h"), _NASTY, st.integers(0, 70_000), _NASTY)
    | _NASTY.map("http://".__add__),
)
def test_any_url_that_the_server_takes_fits_the_published_schema(field: str, url: str) -> None:
    body = changed(field, url)
    assert REGISTER.is_valid(body) or not _is_taken(body)


@pytest.mark.parametrize(
    ("field", "kept"),
    [
        ("total_requests", "total_requests"),
        ("avg_inference_time_ms", "avg_ms"),
        ("last_inference_time_ms", "last_ms"),
        ("last_total_time_ms", "last_total_ms"),
    ],
)
@pytest.mark.parametrize(
    "value", [0, 12, 12.5, -1, 2**53, 2**53 + 2, 1e12, 1e16, 10**400, True, "12", "", [], {}]
)
def test_number_in_a_heartbeat_counts_if_it_fits_the_published_schema(
    field: str, kept: str, value: Any
) -> None:
    counts = reported_stats({field: value})[kept] is not None
    assert counts == HEARTBEAT.is_valid({field: value})
