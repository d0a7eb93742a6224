"""Reasons survive the database, and quoted text is cut and cleaned."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from easyai.domain.reason import (
    NO_REASON,
    Arg,
    Reason,
    args_text,
    from_columns,
    from_json,
    quote,
    quoted,
)

_NAMES = st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=5)
_PLAIN: st.SearchStrategy[Arg] = (
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.none()
)
_ARGS = st.recursive(
    _PLAIN,
    lambda inner: (
        st.lists(inner).map(tuple)
        | st.builds(
            lambda code, args: Reason(code, tuple(sorted(args.items()))),
            _NAMES,
            st.dictionaries(_NAMES, inner, max_size=3),
        )
    ),
    max_leaves=8,
)


@given(_NAMES, st.dictionaries(_NAMES, _ARGS, max_size=4))
def test_a_stored_reason_is_read_as_it_was(code: str, args: dict[str, Arg]) -> None:
    reason = Reason.of(code, **args)
    assert from_columns(reason.code, args_text(reason)) == reason
    assert from_json(reason.as_json()) == reason


def test_nonsense_in_the_columns_is_a_reason_without_arguments() -> None:
    assert from_columns("timed_out", "{") == Reason("timed_out")
    assert from_columns("timed_out", "[1]") == Reason("timed_out")
    assert from_json("timed_out") is NO_REASON
    assert not NO_REASON


def test_a_reason_finds_its_arguments() -> None:
    inner = Reason.of("timed_out", within_sec=5.0)
    outer = Reason.of("breaker_open", last=inner, failures=3)
    assert outer.get("failures") == 3
    assert outer.inner("last") is inner
    assert outer.inner("failures") is NO_REASON
    assert [reason.code for reason in outer.walk()] == ["breaker_open", "timed_out"]
    assert Reason.of("both", parts=(inner, "x")).quoting(str.upper).get("parts") == (inner, "X")


def test_quoted_text_fits_every_database_and_shows_no_signature() -> None:
    assert quote("a\0b\ud800") == "a\ufffdb?"
    assert len(quote("x" * 9000)) == 501
    link = "GET http://h/x.jpg?X-Amz-Signature=abc123&y=1 failed"
    assert quoted(link).get("text") == "GET http://h/x.jpg?X-Amz-Signature=********&y=1 failed"
