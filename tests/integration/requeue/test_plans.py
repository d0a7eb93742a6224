"""Looking at live frames and requeueing must not read old settled frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, event

from easyai.db import frames
from easyai.db.frames import LIVE, FrameFilter
from easyai.domain.frame import FrameState
from tests.support.installation import TYPE, Installation

FAILED = FrameFilter(FrameState.FAILED, TYPE, since=1.0)
#: Its plans do not depend on how many rows there are.
pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


@pytest.fixture
def plans(installation: Installation) -> Iterator[Callable[[Callable[[Connection], Any]], str]]:
    """Runs database work and gives the plans of all its statements."""
    seen: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.split(None, 1)[0] in ("SELECT", "UPDATE"):
            seen.append((statement, parameters))

    def explain(work: Callable[[Connection], Any]) -> str:
        with installation.db.write() as conn:
            work(conn)
            steps = [
                row[3]
                for statement, parameters in list(seen)
                for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            ]
        return "\n".join(steps)

    event.listen(installation.db.engine, "before_cursor_execute", note)
    yield explain
    event.remove(installation.db.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("state", LIVE)
def test_live_frames_are_listed_from_the_index_of_their_state(
    installation: Installation, plans: Callable[[Callable[[Connection], Any]], str], state: str
) -> None:
    installation.frame(state=state)
    wanted = FrameFilter(FrameState(state))
    plan = plans(lambda conn: frames.newest(conn, wanted, 50))
    assert f"USING COVERING INDEX ix_frames_{state}" in plan


def test_counts_read_the_four_partial_indexes_and_nothing_else(
    plans: Callable[[Callable[[Connection], Any]], str],
) -> None:
    plan = plans(frames.counts)
    assert plan.count("SCAN frames USING COVERING INDEX ix_frames_") == 4
    assert plan.count("SCAN") == 4


def test_failed_frames_are_found_by_type_and_time_in_their_index(
    plans: Callable[[Callable[[Connection], Any]], str],
) -> None:
    plan = plans(lambda conn: frames.ready(conn, FAILED))
    assert "ix_frames_failed (task_type=? AND settled_at>?)" in plan


def test_frames_are_brought_back_by_their_ids(
    plans: Callable[[Callable[[Connection], Any]], str],
) -> None:
    plan = plans(lambda conn: frames.bring_back(conn, [1, 2, 3], 1.0))
    assert plan == "SEARCH frames USING INTEGER PRIMARY KEY (rowid=?)"
