"""PostgreSQL's plans of the outbox statements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, event

from tests.support.site import Installation

Plan = dict[str, Any]


def plans(site: Installation, work: Callable[[Connection], Any]) -> list[Plan]:
    """The plans of all SELECTs on alerts that `work` runs, with the blocks really read."""
    statements: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "FROM alerts" in statement:
            statements.append((statement, parameters))

    db = site.runtime.db
    with db.read() as conn:
        event.listen(db.engine, "before_cursor_execute", note)
        try:
            work(conn)
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        return [
            conn.exec_driver_sql(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters
            ).scalar_one()[0]["Plan"]
            for statement, parameters in statements
        ]


def blocks(plan: Plan) -> int:
    """The number of 8 kB blocks read."""
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
