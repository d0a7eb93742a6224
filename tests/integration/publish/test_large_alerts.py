"""A batch of the outbox is also bounded by bytes: large alerts never fill the memory."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest

from easyai.db import alerts as alerts_db
from easyai.db import outbox
from easyai.pipeline.publishing import publish_waiting
from tests.integration.publish.alerts import in_order_for_each_camera, row, waiting
from tests.integration.publish.buses import RedisPlace
from tests.integration.publish.plans import blocks, plans
from tests.support.site import Installation

MEGABYTE = 1_000_000
MOST_BYTES = 2_000_000  # of a batch
NEWEST = 10**9


def _noise(size: int) -> str:
    """Text that no database can compress."""
    return random.Random(size).randbytes(size // 2).hex()


def _settled(site: Installation, *results: str) -> None:
    """Add an alert for each result, on three cameras alternately."""
    with site.runtime.db.write() as conn:
        rows = [row(f"门口{number % 3}", result=result) for number, result in enumerate(results)]
        alerts_db.add(conn, rows, for_bus=True)


def test_large_alerts_are_published_in_order_with_bounded_memory(
    site: Installation, redis_bus: RedisPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.configure(alert_batch_size=1000, **redis_bus.settings)
    large, larger, small = _noise(MEGABYTE), _noise(3 * MEGABYTE), '{"count": 2}'
    for _ in range(10):
        _settled(site, large, small, large, small, larger, large)
    batches: list[list[int]] = []
    read = outbox.waiting

    def note(*arguments: Any) -> Sequence[Any]:
        rows = read(*arguments)
        batches.append([len(alert.result) for alert in rows])
        return rows

    monkeypatch.setattr(outbox, "waiting", note)
    tracemalloc.start()
    try:
        assert publish_waiting(site.runtime, 60).acknowledged == 60
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 36 * MEGABYTE  # 18 MB seen; all at once 77 MB
    assert all(len(sizes) <= 1 or sum(sizes) <= MOST_BYTES for sizes in batches)
    assert batches.count([3 * MEGABYTE]) == 10
    received = [message.alert for message in redis_bus.received(60)]
    assert sorted(alert["id"] for alert in received) == list(range(1, 61))
    assert in_order_for_each_camera(received)
    assert waiting(site) == []


def _batches(site: Installation, most: int, most_bytes: int, *held_up: str) -> list[list[int]]:
    """The ids of each batch, until only alerts of held-up cameras wait."""
    found: list[list[int]] = []
    while True:
        with site.runtime.db.write() as conn:
            rows = outbox.waiting(conn, NEWEST, most, most_bytes, held_up)
            if not rows:
                return found
            found.append([alert.id for alert in rows])
            outbox.acknowledged(conn, found[-1], 1.0)


def test_batch_is_bounded_by_utf8_bytes_and_a_larger_alert_is_sent_alone(
    site: Installation,
) -> None:
    full, rest, tiny, larger = "x" * 400, "告" * 200, "x", "警" * 334  # 400, 600, 1 and 1002 bytes
    _settled(site, full, rest, tiny, full, rest, larger, tiny, larger, larger, tiny, tiny, tiny)
    assert _batches(site, 100, 1000) == [
        [1, 2],
        [3, 4],
        [5],
        [6],
        [7],
        [8],
        [9],
        [10, 11, 12],
    ]


def test_batch_is_bounded_by_count_and_skips_held_up_cameras(
    site: Installation,
) -> None:
    _settled(site, *["x"] * 9)
    assert _batches(site, 4, 1000, "门口1") == [[1, 3, 4, 6], [7, 9]]
    assert waiting(site) == [2, 5, 8]


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_postgresql_counts_alert_bytes_without_reading_the_results(
    site: Installation,
) -> None:
    _settled(site, *[_noise(MEGABYTE)] * 20)
    (plan,) = plans(site, lambda conn: outbox.waiting(conn, NEWEST, 1000, MOST_BYTES))
    assert plan["Actual Rows"] == 2  # sent to the client
    assert blocks(plan) < 50  # the results have 2500 blocks
