"""The curves of types and the strips of services over the API."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from easyai.db import clock, events, service_events, services, statistics
from easyai.db.events import Event
from easyai.db.statistics import Tally
from easyai.domain.reason import Reason
from easyai.domain.service import PROBE_FAILED, ServiceState, move_to
from easyai.pipeline.flow_record import record_flow
from easyai.registry import registration
from easyai.registry.demotion import demotion
from tests.integration.api.live import LiveApi
from tests.integration.dashboard.rows import DASHBOARD, TYPE, Rows

ENDPOINT = "http://127.0.0.1:9/infer"
MOVED = Reason.of(
    PROBE_FAILED,
    answer=Reason("connection.refused"),
    moved=move_to("http://127.0.0.1:8/infer"),
)


def test_curve_shows_the_frames_of_the_last_minutes(
    api: LiveApi, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time() // 10 * 10 - 30
    for number in range(3):
        moment = now + 10 * number + 5
        monkeypatch.setattr(clock, "now", lambda _conn, at=moment: at)
        record_flow(rows.runtime)
        with rows.runtime.db.write() as conn:
            statistics.add(conn, {TYPE: Tally(found=30, successes=20)}, moment)
    found = api.get(f"{DASHBOARD}/history?range=5m")
    own = found["types"][TYPE]
    assert len(found["at"]) == len(own["arrived"]) == 30
    assert [value for value in own["arrived"] if value][:2] == [3.0, 3.0]
    assert own["arrived"][0] is None
    for span in ("1h", "6h", "24h", "7d"):
        assert len(api.get(f"{DASHBOARD}/history?range={span}")["at"]) <= 360
    api.error(400, "GET", f"{DASHBOARD}/history?range=2h")


def test_strip_shows_the_states_of_a_service(api: LiveApi, rows: Rows) -> None:
    body = {"service_id": "yolo", "task_types": [TYPE], "endpoint": ENDPOINT}
    registration.register(rows.runtime, body)
    now = time.time()
    rows.execute("UPDATE services SET register_at = 1, state_since = :now", now=now - 5)
    rows.execute("DELETE FROM events")
    back = Reason.of(
        "service.back", evidence=Reason("service.heartbeat"), was="offline", away_sec=9.0
    )
    detail = Reason.of("service.no_heartbeat", silent_sec=9.0)
    changes = [("suspect", 60, detail), ("offline", 40, detail), ("online", 5, back)]
    with rows.runtime.db.write() as conn:
        events.add(
            conn,
            [
                Event(
                    now - age, f"service_{state}", ENDPOINT, service_events.of_service("yolo", why)
                )
                for state, age, why in changes
            ],
        )
    found = api.get(f"{DASHBOARD}/strips?range=5m")
    states = [state for _, _, state in found["services"][ENDPOINT]]
    assert states == ["online", "suspect", "offline", "online"]
    spans = found["services"][ENDPOINT]
    assert (spans[0][0], spans[-1][1]) == (found["from"], found["to"])
    assert all(left[1] == right[0] for left, right in pairwise(spans))


def test_strip_of_an_endpoint_that_its_service_left_ends_as_moved(api: LiveApi, rows: Rows) -> None:
    body = {"service_id": "yolo", "task_types": [TYPE], "endpoint": ENDPOINT}
    registration.register(rows.runtime, body)
    changes = [Reason.of(PROBE_FAILED, answer=Reason("connection.refused")), MOVED]
    now = time.time()
    with rows.runtime.db.write() as conn:
        for age, why in zip((40, 20), changes, strict=True):
            of = service_events.of_service("yolo", why)
            events.add(conn, [Event(now - age, "service_offline", ENDPOINT, of)])
    found = api.get(f"{DASHBOARD}/strips?range=5m")
    assert [state for _, _, state in found["services"][ENDPOINT]][-3:-1] == ["offline", "moved"]


def _left(rows: Rows, since: float) -> None:
    """A service that left its endpoint for another, offline since this time."""
    body = {"service_id": "yolo", "task_types": [TYPE], "endpoint": ENDPOINT}
    registration.register(rows.runtime, body)
    rows.execute("DELETE FROM events")
    rows.execute("UPDATE services SET register_at = 1")
    with rows.runtime.db.write() as conn:
        (row,) = services.all_services(conn)
        demoted = demotion(row, ServiceState.OFFLINE, MOVED, since, since, 2, 5.0)
        services.demote(conn, [demoted])


def test_strip_of_an_endpoint_left_before_the_range_shows_it_as_moved(
    api: LiveApi, rows: Rows
) -> None:
    _left(rows, 1.0)
    found = api.get(f"{DASHBOARD}/strips?range=5m")
    assert found["services"][ENDPOINT] == [[found["from"], found["to"], "moved"]]


def test_strip_of_an_endpoint_whose_move_was_found_later_is_offline_until_then(
    api: LiveApi, rows: Rows
) -> None:
    now = time.time()
    _left(rows, now - 3600)
    with rows.runtime.db.write() as conn:
        (row,) = services.all_services(conn)
        events.add(conn, [service_events.demoted(row, "offline", MOVED, now - 60)])
    found = api.get(f"{DASHBOARD}/strips?range=5m")
    assert [state for _, _, state in found["services"][ENDPOINT]] == ["offline", "moved"]


def test_service_without_a_change_has_one_span(api: LiveApi, rows: Rows) -> None:
    body = {"service_id": "yolo", "task_types": [TYPE], "endpoint": ENDPOINT}
    registration.register(rows.runtime, body)
    rows.execute("DELETE FROM events")
    rows.execute("UPDATE services SET register_at = 1, state_since = 1")
    found = api.get(f"{DASHBOARD}/strips?range=24h")
    assert found["services"][ENDPOINT] == [[found["from"], found["to"], "online"]]
