"""The table of events returns reasons as they were written, and quotes old rows."""

from __future__ import annotations

import pytest

from easyai.db import events
from easyai.db.events import Event
from easyai.domain.reason import Reason, quoted
from tests.support.site import Installation

REASON, AGAIN = Reason.of("frames", n=3), Reason.of("frames", n=4)


def test_event_reason_is_read_back_with_its_arguments(site: Installation) -> None:
    happened = Event(10.0, "breaker_open", "http://h:1/", REASON)
    with site.runtime.db.write() as conn:
        events.add(conn, [happened])
        assert events.between(conn, 10.0, 10.0, 9) == [happened]
        assert events.of_kind(conn, "breaker_open", 0.0) == {"http://h:1/": REASON}
        found = events.newest(conn, "breaker_open", "http://h:1/", 0.0)
        assert found is not None
        assert found[1] == REASON
        events.revise(conn, found[0], AGAIN)
        assert events.of_kind(conn, "breaker_open", 0.0) == {"http://h:1/": AGAIN}
    assert site.rows("SELECT text FROM events WHERE at = 10") == [{"text": "4 frames"}]


def test_event_of_the_previous_release_is_read_as_quoted_text(site: Installation) -> None:
    site.execute("INSERT INTO events (at, kind, subject, text) VALUES (10, 'old', '', '3 frames')")
    with site.runtime.db.read() as conn:
        assert events.between(conn, 10.0, 10.0, 9)[0].reason == quoted("3 frames")


@pytest.mark.parametrize("column", ["text", "reason_args"])
def test_event_does_not_store_the_password_of_a_url(site: Installation, column: str) -> None:
    reason = quoted("cannot reach redis://me:geheim@h/0")
    with site.runtime.db.write() as conn:
        events.add(conn, [Event(10.0, "bus_down", "", reason)])
    (row,) = site.rows(f"SELECT {column} AS shown FROM events WHERE at = 10")
    assert "geheim" not in row["shown"]
    assert "redis://" in row["shown"]


def test_unstorable_event_arguments_are_replaced_without_an_error(site: Installation) -> None:
    reason = Reason.of("store.folder", folder="/cam\udcff\0", why=quoted("x"))
    with site.runtime.db.write() as conn:
        events.add(conn, [Event(10.0, "store_down", "", reason)])
        (event,) = events.between(conn, 10.0, 10.0, 9)
    assert event.reason == Reason.of("store.folder", folder="/cam?\ufffd", why=quoted("x"))
