"""The answers that an algorithm may give, and their verdicts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easyai.domain.reason import NO_REASON
from easyai.domain.verdict import CallResult, Verdict, detection_count, judge, words_of_service
from easyai.messages.catalogue import text

scalar = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([10**400, -1, 1e308, "3", "\0", "\ud800"])
)
counted = ["line_crossing", "total_count", "count", "num", "detections", "objects"]
names = st.sampled_from(
    [*counted, "success", "result", "error", "confidence", "inference_time_ms", "门"]
)
any_json: st.SearchStrategy[Any] = st.recursive(
    scalar,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=12,
)


def answer(**fields: Any) -> Verdict:
    """The verdict on a JSON answer with status 200."""
    return judge(200, json.dumps(fields).encode(), 12.0)


def is_sound(verdict: Verdict) -> bool:
    """Whether a verdict can be stored: text that is text, numbers in their range."""
    reason = text(verdict.reason)
    reason.encode()
    return (
        "\0" not in reason
        and len(words_of_service(verdict.reason)) <= 501
        and 0 <= verdict.detection_count < 2**31
        and abs(verdict.confidence) < float("inf")
        and abs(verdict.inference_ms) < float("inf")
        and (verdict.kind is CallResult.INFERRED) == (verdict.reason == NO_REASON)
    )


@given(any_json, st.integers(100, 599))
def test_no_json_makes_judging_fail(content: Any, status: int) -> None:
    assert is_sound(judge(status, json.dumps(content).encode(), 1.0))


@given(st.dictionaries(names, any_json, max_size=6), st.booleans())
def test_no_answer_with_success_makes_judging_fail(fields: dict[str, Any], success: bool) -> None:
    verdict = judge(200, json.dumps({**fields, "success": success}).encode(), 1.0)
    assert is_sound(verdict)


@given(st.binary(max_size=60))
def test_no_bytes_make_judging_fail(body: bytes) -> None:
    assert is_sound(judge(200, body, 1.0))


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b"9" * 5000])
def test_hostile_bytes_are_a_broken_answer(body: bytes) -> None:
    assert judge(200, body, 1.0).kind is CallResult.BROKEN


@given(any_json)
def test_a_detection_count_is_never_below_zero(result: Any) -> None:
    count = detection_count(result)
    assert isinstance(count, int)
    assert 0 <= count < 2**31


def test_the_answer_of_the_contract_is_inferred() -> None:
    result = {"detections": [{"class": "head", "bbox": [1, 2, 3, 4], "confidence": 0.9}]}
    verdict = answer(success=True, result=result, confidence=0.95, inference_time_ms=45.2)
    assert verdict == Verdict(
        CallResult.INFERRED,
        12.0,
        NO_REASON,
        result,
        confidence=0.95,
        inference_ms=45.2,
        detection_count=1,
    )


def test_an_inference_time_may_be_a_whole_number() -> None:
    assert answer(success=True, result={}, inference_time_ms=45).inference_ms == 45.0


def test_a_result_may_be_missing_or_null() -> None:
    for verdict in (answer(success=True), answer(success=True, result=None)):
        assert (verdict.kind, verdict.result, verdict.detection_count) == (
            CallResult.INFERRED,
            {},
            0,
        )


def test_a_refusal_keeps_its_reason_shortened() -> None:
    assert text(answer(success=False, error="cannot decode").reason) == "cannot decode"
    assert len(text(answer(success=False, error="x" * 5000).reason)) == 501
    assert text(answer(success=False).reason) == "success:false without an error"
    assert answer(success=False, error={"code": 1}).kind is CallResult.REFUSED


@pytest.mark.parametrize("status", [200, 500])
def test_text_of_a_service_is_an_argument_of_the_reason(status: int) -> None:
    hostile = "no answer within 30 s; its picture link does not work here either: cannot connect"
    body = json.dumps({"success": False, "error": hostile}).encode()
    reason = judge(status, body, 1.0).reason
    assert reason.code == ("call.refused" if status == 200 else "call.http_error")
    assert words_of_service(reason) == hostile
    assert list(reason.walk()) == [reason]


@pytest.mark.parametrize(
    "link",
    [
        "http://a:5066/api/v1/files/t/c/1.jpg?expires=9999&signature=5ec7e7",
        "https://s3/frames/1.jpg?X-Amz-Credential=me&X-Amz-Signature=5ec7e7&X-Amz-Expires=60",
        '"http://a/1.jpg?signature=5ec7e7"',
    ],
)
def test_a_refusal_that_quotes_a_picture_link_repeats_no_signature(link: str) -> None:
    body = json.dumps({"success": False, "error": f"cannot open {link} 403"}).encode()
    reason = text(judge(200, body, 1.0).reason)
    assert "5ec7e7" not in reason
    assert reason.endswith(" 403")
    assert "1.jpg?" in reason


@pytest.mark.parametrize("word", ["404", "not found", "timeout", "connection refused"])
def test_refusal_stays_a_refusal_whatever_its_text(word: str) -> None:
    assert answer(success=False, error=f"error {word}").kind is CallResult.REFUSED


@pytest.mark.parametrize("status", [201, 204, 301, 400, 404, 500, 503])
def test_any_status_but_200_is_broken_whatever_the_body(status: int) -> None:
    verdict = judge(status, b'{"success": true, "result": {"count": 1}}', 1.0)
    assert verdict.kind is CallResult.BROKEN
    assert text(verdict.reason).startswith(f"HTTP status {status}")


@pytest.mark.parametrize("status", [200, 404, 500])
def test_reason_repeats_no_text_of_a_broken_body(status: int) -> None:
    body = b"aws_secret_access_key = CUDA out of memory"
    reason = text(judge(status, body, 1.0).reason)
    assert "secret" not in reason
    assert "CUDA" not in reason


@pytest.mark.parametrize("status", [400, 500, 503])
def test_failing_status_keeps_the_error_text_of_the_service(status: int) -> None:
    body = json.dumps({"success": False, "error": "绊线人数统计必须有配置文件"}).encode()
    verdict = judge(status, body, 1.0)
    assert verdict.kind is CallResult.BROKEN
    assert text(verdict.reason) == f"HTTP status {status}: 绊线人数统计必须有配置文件"


@pytest.mark.parametrize(
    "body", [b"[]", b'{"success":false}', b'{"success":false,"error":5}', b'{"error":"x"}']
)
def test_a_failing_status_alone_is_named_when_no_refusal_comes_with_it(body: bytes) -> None:
    assert text(judge(500, body, 1.0).reason) == "HTTP status 500"


def test_redirects_are_not_followed_and_the_reason_names_them() -> None:
    assert "redirects are not followed" in text(judge(307, b"", 1.0).reason)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"null", b"[]", b"{}", b'{"success": 1}', b'{"success": "true"}']
)
def test_an_answer_that_is_not_the_contracts_is_broken(body: bytes) -> None:
    assert judge(200, body, 1.0).kind is CallResult.BROKEN


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_not_json_are_broken(number: str) -> None:
    body = f'{{"success": true, "result": {{"count": {number}}}}}'.encode()
    assert judge(200, body, 1.0).kind is CallResult.BROKEN


@pytest.mark.parametrize("number", [True, "0.9", None, [], 10**400])
def test_a_confidence_that_is_no_number_counts_as_none(number: Any) -> None:
    verdict = answer(success=True, result={}, confidence=number, inference_time_ms=number)
    assert (verdict.kind, verdict.confidence, verdict.inference_ms) == (
        CallResult.INFERRED,
        0.0,
        0.0,
    )


_COUNTS: list[tuple[Any, int]] = [
    ({"line_crossing": {"a": {"count": 2}, "b": {"count": 3}}, "total_count": 9}, 5),
    ({"line_crossing": {"a": {"count": 0}}, "total_count": 9}, 9),
    ({"line_crossing": {"a": {}, "b": 4, "c": {"count": "1"}}, "count": 7}, 7),
    ({"line_crossing": [], "num": 3}, 3),
    ({"total_count": 4, "count": 5}, 4),
    ({"total_count": 0, "count": 5}, 0),
    ({"count": 5, "num": 6}, 5),
    ({"num": 6, "detections": [1]}, 6),
    ({"detections": [1, 2], "objects": [1, 2, 3]}, 2),
    ({"detections": [], "objects": [1]}, 0),
    ({"objects": [1, 2, 3]}, 3),
    ({"total_count": "4", "objects": [1]}, 1),
    ({"total_count": True, "objects": [1]}, 1),
    ({"count": 2.0}, 2),
    ({"count": -3}, 0),
    ({"count": 10**30}, 2**31 - 1),
    ({}, 0),
    ({"detections": {"a": 1}}, 0),
    ([1, 2], 0),
    (None, 0),
    ("3", 0),
]


def test_first_applicable_rule_gives_the_detection_count(subtests: pytest.Subtests) -> None:
    for result, count in _COUNTS:
        with subtests.test(result=result, count=count):
            assert detection_count(result) == count
