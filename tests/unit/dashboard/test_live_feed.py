"""The messages of a feed, and what waits for a tab."""

from __future__ import annotations

import asyncio
import json

import pytest

from easyai.dashboard.live_feed import MOST_BYTES, MOST_WAITING, Feed, Tab, unknown
from easyai.dashboard.live_state import Written


def _same(**sections: str) -> dict[str, Written]:
    return {name: Written(value, value) for name, value in sections.items()}


def test_delta_has_only_what_changed_and_the_state_has_all() -> None:
    feed = Feed()
    assert feed.state == ""
    feed.advance(10.0, _same(a="1", b='"x"'))
    delta = feed.advance(11.0, _same(a="2", b='"x"'))
    assert json.loads(delta) == {"kind": "delta", "seq": 2, "at": 11.0, "now": {"a": 2}}
    assert json.loads(feed.state) == {
        "kind": "state",
        "boot": feed.boot,
        "seq": 2,
        "at": 11.0,
        "now": {"a": 2, "b": "x"},
    }


def test_tabs_that_know_a_section_get_its_news_alone() -> None:
    feed = Feed()
    first = feed.advance(10.0, {"a": Written("[1,2]", "[]")})
    assert json.loads(first)["now"] == {"a": [1, 2]}
    delta = feed.advance(11.0, {"a": Written("[1,2,3]", "[3]")})
    assert json.loads(delta)["now"] == {"a": [3]}
    assert json.loads(feed.state)["now"] == {"a": [1, 2, 3]}


def test_quiet_feed_gives_a_sign_of_life_within_five_seconds() -> None:
    feed = Feed()
    feed.advance(100.0, _same(a="1"))
    assert [bool(feed.advance(100.0 + sec, _same(a="1"))) for sec in (1, 2, 3, 4, 5)] == [
        False,
        False,
        False,
        True,
        False,
    ]
    assert json.loads(feed.advance(50.0, _same(a="1")))["now"] == {}, "the clock was set back"


def test_tab_that_comes_back_gets_the_deltas_that_it_missed() -> None:
    feed = Feed()
    sent = [feed.advance(float(number), _same(a=str(number))) for number in range(1, 8)]
    assert feed.since(f"{feed.boot}:7") == []
    assert feed.since(f"{feed.boot}:5") == sent[5:]


@pytest.mark.parametrize(
    "known", ["", "x", ":", "other:5", "{}:8", "{}:1", "{}:-1", "{}:７", "{}:"]
)
def test_tab_of_another_feed_or_too_far_back_gets_no_deltas(known: str) -> None:
    feed = Feed()
    for number in range(1, 8):
        feed.advance(float(number), _same(a=str(number)))
    assert feed.since(known.format(feed.boot)) is None


def test_tab_that_does_not_keep_up_needs_the_state() -> None:
    async def run() -> list[str]:
        tab = Tab("en")
        tab.needs_state = False
        for number in range(MOST_WAITING):
            tab.put(str(number))
        assert not tab.needs_state
        tab.put("one too many")
        assert tab.needs_state
        tab.put("state")
        return [await tab.take()]

    assert asyncio.run(run()) == ["state"]


def test_bytes_that_wait_for_a_tab_are_bounded_whatever_the_size_of_the_state() -> None:
    async def run() -> None:
        tab = Tab("en")
        tab.needs_state = False
        for number in "123":
            tab.put(number * (MOST_BYTES // 3))
        assert tab.needs_state, "the third is too much"
        tab.needs_state = False
        state = "s" * (2 * MOST_BYTES)
        tab.put(state)
        assert not tab.needs_state
        assert await tab.take() == state
        tab.put("delta")
        tab.put("x" * (MOST_BYTES // 2))
        assert not tab.needs_state, "what was taken does not count"
        assert await tab.take() == "delta"

    asyncio.run(run())


def test_tab_that_missed_large_deltas_gets_the_state() -> None:
    feed = Feed()
    for number in range(1, 5):
        feed.advance(float(number), _same(a=str(number) * (MOST_BYTES // 2)))
    missed = feed.since(f"{feed.boot}:3")
    assert missed is not None
    assert len(missed) == 1
    assert feed.since(f"{feed.boot}:2") is None


def test_tab_waits_for_the_next_message() -> None:
    async def run() -> str:
        tab = Tab("en")
        taking = asyncio.create_task(tab.take())
        await asyncio.sleep(0)
        assert not taking.done()
        tab.put("news")
        return await asyncio.wait_for(taking, 1)

    assert asyncio.run(run()) == "news"


def test_message_of_an_unknown_state_is_json() -> None:
    assert json.loads(unknown(1.23456, '数据库 "away"')) == {
        "kind": "unknown",
        "at": 1.235,
        "why": '数据库 "away"',
    }
