"""Which part of a file an answer has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from easyai.api.conditional import Delivery, delivery, etag

SIZE = 100


@pytest.fixture
def file(tmp_path: Path) -> os.stat_result:
    """A file of `SIZE` bytes."""
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x" * SIZE)
    return path.stat()


def _asked(file: os.stat_result, **headers: str) -> Delivery:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return delivery(named, file, head=False)


def test_tag_changes_with_the_time_and_with_the_file(tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    for each in (path, other):
        each.write_bytes(b"same size")
        os.utime(each, ns=(1, 1))
    first = etag(path.stat())
    assert etag(path.stat()) == first
    assert etag(other.stat()) != first
    os.utime(path, ns=(2, 2))
    assert etag(path.stat()) != first


def test_without_conditions_the_whole_file_is_sent(file: os.stat_result) -> None:
    answer = _asked(file)
    assert (answer.status, answer.first, answer.length) == (200, 0, SIZE)
    assert answer.headers == {"etag": etag(file), "accept-ranges": "bytes"}


def test_known_tag_answers_304_and_a_foreign_tag_does_not(file: os.stat_result) -> None:
    tag = etag(file)
    for named in (tag, f"W/{tag}", f'"x", {tag}', f'"x",W/{tag} ,"y"', "*", " * "):
        assert _asked(file, if_none_match=named, range="bytes=0-1").status == 304, named
    for named in ("", '"x"', "x", tag.strip('"'), tag[:-2] + '"', f'"{tag}'):
        assert _asked(file, if_none_match=named).status == 200, named


@pytest.mark.parametrize(
    ("wanted", "first", "length"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 10),
        ("bytes=90-", 90, 10),
        ("bytes=90-1000", 90, 10),
        ("bytes=-10", 90, 10),
        ("bytes=-1000", 0, SIZE),
        ("BYTES = 99 - 99", 99, 1),
    ],
)
def test_a_range_is_sent_as_206(file: os.stat_result, wanted: str, first: int, length: int) -> None:
    answer = _asked(file, range=wanted)
    assert (answer.status, answer.first, answer.length) == (206, first, length)
    assert answer.headers["content-range"] == f"bytes {first}-{first + length - 1}/{SIZE}"


@pytest.mark.parametrize("wanted", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_beyond_the_file_is_416(file: os.stat_result, wanted: str) -> None:
    answer = _asked(file, range=wanted)
    assert (answer.status, answer.length) == (416, 0)
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5-4",
        "bytes=a-b",
        "bytes=0-1,5-6",
        "items=0-1",
        "bytes=0-" + "9" * 5000,
        "bytes=١-٢",
    ],
)
def test_what_is_no_single_range_is_answered_with_the_whole_file(
    file: os.stat_result, wanted: str
) -> None:
    assert _asked(file, range=wanted).status == 200


def test_a_range_is_sent_only_of_the_file_that_the_client_began(file: os.stat_result) -> None:
    tag = etag(file)
    assert _asked(file, range="bytes=1-", if_range=tag).status == 206
    for named in ('"x"', f"W/{tag}", "Sun, 29 Nov 2026 04:00:00 GMT", ""):
        assert _asked(file, range="bytes=1-", if_range=named).status == 200, named


def test_head_ignores_ranges(file: os.stat_result) -> None:
    assert delivery({"range": "bytes=1-2"}, file, head=True).status == 200


def test_an_empty_file_has_no_range(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    empty = (tmp_path / "a").stat()
    assert _asked(empty).status == 200
    assert [_asked(empty, range=wanted).status for wanted in ("bytes=0-", "bytes=-5")] == [416, 416]
