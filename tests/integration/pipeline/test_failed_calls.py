"""Failed calls are counted by service and kind; a group without failures writes nothing more."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from sqlalchemy import Connection, event

from easyai.db import services
from easyai.domain.verdict import CallResult, Verdict
from easyai.pipeline import evidence
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import Installation

ANSWERED = Verdict(CallResult.INFERRED, 5.0)
NOTHING = {"refused": 0, "timeout": 0, "broken": 0, "unreachable": 0}


@pytest.fixture
def pks(site: Installation) -> list[int]:
    """Two services."""
    return [site.register(AlgorithmStub(name)) for name in ("a", "b")]


def _record(
    site: Installation, by_service: dict[int, list[Verdict]], *, steady: bool = False
) -> list[str]:
    """Record the verdicts; returns the updates of services."""
    seen: list[str] = []
    db, analysis = site.runtime.db, site.runtime.settings.ai_analysis
    with db.write() as conn:
        rows = services.lock_called(conn, list(by_service))
        known = dict.fromkeys(by_service, 5.0) if steady else {}
        with _watched(conn, seen):
            evidence.record(conn, analysis, by_service, {row.pk: row for row in rows}, 1e3, known)
    return [sql for sql in seen if "UPDATE services" in sql]


@contextmanager
def _watched(conn: Connection, seen: list[str]) -> Iterator[None]:
    """Notes statements; on SQLite a statement of many rows passes SQLAlchemy by."""
    if conn.dialect.name == "sqlite":
        driver = cast("sqlite3.Connection", conn.connection.driver_connection)
        driver.set_trace_callback(seen.append)
        yield
        driver.set_trace_callback(None)
        return

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(conn, "before_cursor_execute", note)
    yield
    event.remove(conn, "before_cursor_execute", note)


def _failed(site: Installation, pk: int) -> dict[str, int]:
    row = site.service(pk)
    return {kind: row[f"{kind}_count"] for kind in NOTHING}


def test_failed_calls_are_counted_by_service_and_kind(site: Installation, pks: list[int]) -> None:
    failing, refusing = pks
    verdicts = [Verdict(kind, 5.0) for kind in CallResult]
    for _ in range(2):
        _record(site, {failing: [ANSWERED, *verdicts], refusing: [verdicts[1], ANSWERED]})
    assert _failed(site, failing) == {"refused": 2, "timeout": 2, "broken": 2, "unreachable": 2}
    assert _failed(site, refusing) == NOTHING | {"refused": 2}
    assert site.service(refusing)["call_count"] == 4


def test_refusal_of_a_steady_service_is_counted(site: Installation, pks: list[int]) -> None:
    refused = Verdict(CallResult.REFUSED, 5.0)
    _record(site, {pks[0]: [refused, ANSWERED], pks[1]: [ANSWERED]}, steady=True)
    assert _failed(site, pks[0]) == NOTHING | {"refused": 1}
    assert _failed(site, pks[1]) == NOTHING


def test_group_without_failures_updates_each_service_once(
    site: Installation, pks: list[int]
) -> None:
    most = 2 if site.runtime.db.is_sqlite else 1  # SQLite updates row by row
    for steady in (True, False):
        assert len(_record(site, {pk: [ANSWERED] for pk in pks}, steady=steady)) == most
    refused = Verdict(CallResult.REFUSED, 5.0)
    assert len(_record(site, {pk: [refused] for pk in pks}, steady=True)) == 2 * most
