"""Values, errors and texts are those of the standard library, whichever library makes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from easyai.domain.json_text import parsed, result_text

SURROGATE = "\ud83d"
texts = st.text(max_size=8) | st.just(SURROGATE)


def values_with(floats: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | st.integers() | floats | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=8,
    )


values = values_with(st.floats())
finite_values = values_with(st.floats(allow_nan=False, allow_infinity=False))
number_texts = st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
# Objects with a key twice, and texts that are nearly JSON.
pairs = st.lists(st.tuples(st.sampled_from(("a", "b", "count")), number_texts), max_size=5)
objects = pairs.map(lambda some: "{" + ",".join(f'"{k}": {v}' for k, v in some) + "}")
written = st.builds(json.dumps, values, ensure_ascii=st.booleans())
cut = st.tuples(written, st.integers(0, 20), texts).map(
    lambda t: t[0][: t[1]] + t[2] + t[0][t[1] :]
)
encodings = st.sampled_from(("utf-8", "utf-8-sig", "utf-16-le", "utf-16", "utf-32-be"))


def refuse(name: str) -> Any:
    raise ValueError(name)


def by_standard(body: bytes) -> Any:
    return json.loads(body, parse_constant=refuse)


def text_by_standard(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    except ValueError:
        return text_by_standard(json.loads(json.dumps(value), parse_constant=lambda _: None))
    return text


def outcome(read: Callable[[bytes], Any], body: bytes) -> str:
    """The value with types and order of keys, or whether the text is refused."""
    try:
        value = read(body)
    except ValueError:
        return "no JSON"
    except RecursionError:
        return "too deep"
    return repr(value)


@given(st.one_of(number_texts, objects, written, cut), encodings)
@example("-0", "utf-8")
@example('{"a": 18446744073709551616}', "utf-8")
@example('{"a": -9223372036854775809}', "utf-8")
@example('["\\ud83d", 1e999]', "utf-8")
@example('{"result": NaN}', "utf-8")
@example("[1]\0", "utf-8")
def test_text_is_read_as_the_standard_library_reads_it(text: str, encoding: str) -> None:
    body = text.encode(encoding, "surrogatepass")
    assert outcome(parsed, body) == outcome(by_standard, body)


@given(st.binary())
@example(b'"\xed\xa0\x80"')
@example(b'"\xff"')
def test_bytes_are_read_as_the_standard_library_reads_them(body: bytes) -> None:
    assert outcome(parsed, body) == outcome(by_standard, body)


@pytest.mark.parametrize("levels", [10, 499, 501, 1010, 1030, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nested_text_is_refused_as_by_the_standard_library(
    levels: int, opening: bytes, closing: bytes
) -> None:
    body = opening * levels + b"1" + closing * levels
    assert outcome(parsed, body) == outcome(by_standard, body)


@given(values)
@example([0.0001, 0.00012, -0.0, 1e15, 123456789.125])
@example(1e-5)
@example(-1.5e-7)
@example(1e16)
@example(5e-324)
@example([2**63, 2**64, -(2**63), -(2**64)])
@example({"a": float("inf"), "b": [float("nan"), 1e-9]})
@example({SURROGATE: SURROGATE, "é": '\x00\x1f\x7f\u2028/\\"'})
def test_text_of_a_result_is_that_of_the_standard_library(value: Any) -> None:
    assert result_text(value) == text_by_standard(value)


def test_deep_result_has_the_text_of_the_standard_library() -> None:
    value: Any = 1
    for _ in range(400):
        value = {"a": [value]}
    assert result_text(value) == text_by_standard(value)


@given(finite_values)
def test_any_result_is_kept_as_json_that_can_be_written_anywhere(value: Any) -> None:
    text = result_text(value)
    text.encode()
    assert json.loads(text) == value


def test_chinese_in_a_result_stays_readable() -> None:
    assert result_text({"区域": "门口", "n": 1}) == '{"区域":"门口","n":1}'
