"""The fields that a registration must have, and that a heartbeat may have."""

from __future__ import annotations

import math
from typing import Any
from unicodedata import normalize

import pytest

from easyai.errors import BadRequestError
from easyai.registry.payload import parse_registration, reported_stats

VALID: dict[str, Any] = {
    "service_id": "yolo11x_head_detector_7901",
    "name": "人头检测",
    "task_types": ["人数统计", "绊线人数统计"],
    "endpoint": "http://192.168.1.20:7901/infer",
    "version": "1.2",
}


def test_registration_of_the_contract_is_accepted_unchanged() -> None:
    new = parse_registration(VALID)

    assert new.service_id == "yolo11x_head_detector_7901"
    assert new.name == "人头检测"
    assert new.task_types == ("人数统计", "绊线人数统计")
    assert new.endpoint == "http://192.168.1.20:7901/infer"
    assert new.version == "1.2"
    assert (new.max_concurrency, new.health_url, new.heartbeat_timeout_sec) == (None, None, None)


def test_the_three_required_fields_are_enough() -> None:
    new = parse_registration(
        {"service_id": "a", "task_types": ["t"], "endpoint": "http://host/infer"}
    )

    assert (new.name, new.version) == ("a", "")


def test_registration_extensions_are_accepted_and_unknown_keys_ignored() -> None:
    extra = {
        "max_concurrency": 4,
        "health_url": "https://host/alive",
        "heartbeat_timeout_sec": 10.5,
        "gpu": {"any": float("inf")},
    }

    new = parse_registration(VALID | extra)

    assert new.max_concurrency == 4
    assert new.health_url == "https://host/alive"
    assert new.heartbeat_timeout_sec == 10.5


@pytest.mark.parametrize("name", ["人数统计", "a b", "类型-1", "😀", "t" * 80, "人" * 80, "a.b"])
def test_a_folder_name_is_a_task_type(name: str) -> None:
    assert parse_registration(VALID | {"task_types": [name]}).task_types == (name,)


def test_an_integer_may_be_written_with_a_point() -> None:
    assert parse_registration(VALID | {"max_concurrency": 4.0}).max_concurrency == 4


def test_a_task_type_named_twice_counts_once() -> None:
    assert parse_registration(VALID | {"task_types": ["b", "a", "b"]}).task_types == ("b", "a")


@pytest.mark.parametrize("field", ["service_id", "endpoint", "task_types"])
@pytest.mark.parametrize("value", [None, "", "   ", 7, True, {}, []])
def test_a_required_field_that_is_missing_or_wrong_is_named(field: str, value: Any) -> None:
    with pytest.raises(BadRequestError, match=f"^{field}: "):
        parse_registration(VALID | {field: value})


_UNUSABLE: list[tuple[str, Any]] = [
    ("service_id", "x" * 257),
    ("service_id", "a\x00b"),
    ("service_id", "a\nb"),
    ("service_id", "\ud800"),
    ("name", 5),
    ("name", "x" * 257),
    ("version", 1.0),
    ("version", "a\x00"),
    ("endpoint", "ftp://host/infer"),
    ("endpoint", "http://"),
    ("endpoint", "host:7901/infer"),
    ("endpoint", "http://host:99999/"),
    ("endpoint", "http://ho st/"),
    ("endpoint", "http://host/" + "x" * 2000),
    ("endpoint", "http://host/" + "人" * 700),
    ("health_url", "host/health"),
    ("health_url", 3),
    ("task_types", "人数统计"),
    ("task_types", ["a"] * 201),
    ("task_types", [""]),
    ("task_types", [" "]),
    ("task_types", ["a", None]),
    ("task_types", ["a/b"]),
    ("task_types", ["."]),
    ("task_types", [".."]),
    ("task_types", [".hidden"]),
    ("task_types", ["a\x00"]),
    ("task_types", ["a\nb"]),
    ("task_types", ["\udcff"]),
    ("task_types", ["x" * 81]),
    ("task_types", ["😀" * 61]),
    ("max_concurrency", 0),
    ("max_concurrency", -1),
    ("max_concurrency", 1.5),
    ("max_concurrency", True),
    ("max_concurrency", "4"),
    ("max_concurrency", 10**30),
    ("heartbeat_timeout_sec", 0),
    ("heartbeat_timeout_sec", 9.9),
    ("heartbeat_timeout_sec", -5),
    ("heartbeat_timeout_sec", "60"),
    ("heartbeat_timeout_sec", True),
    ("heartbeat_timeout_sec", math.inf),
    ("heartbeat_timeout_sec", math.nan),
    ("heartbeat_timeout_sec", 10**400),
]


def test_a_value_that_cannot_be_used_is_refused_by_name(subtests: pytest.Subtests) -> None:
    for field, value in _UNUSABLE:
        with subtests.test(field=field, value=value):
            with pytest.raises(BadRequestError, match=f"^{field}: ") as refused:
                parse_registration(VALID | {field: value})
            assert len(str(refused.value)) < 400


@pytest.mark.parametrize("payload", [None, [], "text", 5, True])
def test_a_body_that_is_no_object_is_refused(payload: Any) -> None:
    with pytest.raises(BadRequestError, match=r"^body: "):
        parse_registration(payload)


def test_numbers_in_a_heartbeat_are_accepted() -> None:
    numbers = reported_stats(
        {
            "total_requests": 12,
            "avg_inference_time_ms": 45.5,
            "last_inference_time_ms": 44,
            "last_total_time_ms": 0,
        }
    )

    assert numbers == {"total_requests": 12, "avg_ms": 45.5, "last_ms": 44, "last_total_ms": 0}
    assert isinstance(numbers["total_requests"], int)


_NO_NUMBERS: list[Any] = [None, "12", True, -1, math.nan, math.inf, 10**400, [], {}, 2**63, 1e300]


def test_impossible_number_is_left_out(subtests: pytest.Subtests) -> None:
    for value in _NO_NUMBERS:
        with subtests.test(value=value):
            names = ("total_requests", "avg_inference_time_ms")

            numbers = reported_stats(dict.fromkeys(names, value) | {"last_total_time_ms": 3})

            assert (numbers["total_requests"], numbers["avg_ms"], numbers["last_total_ms"]) == (
                None,
                None,
                3,
            )


@pytest.mark.parametrize("stats", [None, [], "text", 5])
def test_heartbeat_with_any_body_is_accepted(stats: Any) -> None:
    assert set(reported_stats(stats).values()) == {None}


def test_task_types_are_registered_in_composed_form_each_once() -> None:
    both = [normalize("NFD", "Café"), "Café", "人数统计"]
    assert parse_registration(VALID | {"task_types": both}).task_types == ("Café", "人数统计")


def test_the_length_of_a_task_type_is_that_of_its_composed_form() -> None:
    name = "é" * 80
    longer = normalize("NFD", name)
    assert parse_registration(VALID | {"task_types": [longer]}).task_types == (name,)
    with pytest.raises(BadRequestError, match=r"task_types: .* too long"):
        parse_registration(VALID | {"task_types": [longer + "e"]})
