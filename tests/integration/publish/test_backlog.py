"""Reading the outbox stays cheap during and after a long outage of the bus."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection

from easyai.db import outbox
from tests.integration.publish.plans import blocks, plans
from tests.support.site import Installation

ALERTS = 20_000
_ADD = f"""
    INSERT INTO alerts (task_id, task_type, image_path, algorithm_id, algorithm_name, result,
                        confidence, detection_count, inference_time_ms, created_at, updated_at,
                        published_at)
    SELECT '门口' || n % 20, 'people', '', 'a', 'a', repeat('x', 300), 1, 1, 1, n, n, 1
      FROM generate_series(1, {ALERTS}) AS s(n)
"""
_WAIT = "UPDATE alerts SET published_at = NULL"
_GONE = "UPDATE alerts SET published_at = 2"
# Statistics are taken at ANALYZE: before a backlog, at its height and after.
HISTORIES = {
    "ANALYZE before the backlog": (_ADD, "ANALYZE alerts", _WAIT),
    "ANALYZE at the backlog": (_ADD, _WAIT, "ANALYZE alerts"),
    "all published after ANALYZE": (_ADD, _WAIT, "ANALYZE alerts", _GONE),
    "ANALYZE after all were published": (_ADD, _WAIT, _GONE, "ANALYZE alerts"),
}


def _look(conn: Connection) -> Any:
    outbox.is_empty(conn)
    outbox.newest(conn)
    return outbox.waiting(conn, 10**9, 100, 2_000_000, ["门口1"])


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_outbox_is_read_by_its_index_whatever_the_statistics(
    site: Installation, history: str
) -> None:
    for statement in HISTORIES[history]:
        site.execute(statement)
    with site.runtime.db.read() as conn:
        _look(conn)  # removes dead entries from the index, as the first run does
    found = plans(site, _look)
    assert len(found) == 3
    for plan in found:
        assert "ix_alerts_unpublished" in str(plan)
        assert blocks(plan) < 200  # the table has a thousand and more
