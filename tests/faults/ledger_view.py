"""The database as an outsider reads it: fates, alerts and alarms, by plain SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Engine, Row, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

_FRAMES = """
    SELECT id, key, state, outcome, detection_count, reason, image_path, image_target FROM frames
"""
_ALERTS = """
    SELECT frame_id, task_type, detection_count, image_path, result
      FROM alerts WHERE frame_id IS NOT NULL
"""
_NOT_SETTLED = "state IN ('pending', 'leased', 'parked') OR image_target IS NOT NULL"
_UNSETTLED = f"SELECT count(*) FROM frames WHERE {_NOT_SETTLED}"
_EXAMPLES = f"""
    SELECT id, key, state, outcome, reason, attempts, tries, due_at, lease_expires_at, settled_at,
           image_target
      FROM frames WHERE {_NOT_SETTLED} ORDER BY id LIMIT 5
"""
# A success of work begun after the fault: answers that were on their way do not count.
_FIRST_SUCCESS = """
    SELECT min(settled_at) FROM frames WHERE state = 'done' AND leased_at >= :since
"""
_WATCHES = "SELECT holder FROM process_leases WHERE name = 'watchdog' AND holder <> ''"
_ALARMS = "SELECT kind, subject, cause, raised_at, over_at FROM alarms ORDER BY id"


@dataclass(frozen=True)
class LedgerView:
    """Connected anew for each question, so that it outlives restarts of the database."""

    url: str

    def frames(self) -> list[Row[Any]]:
        """Every frame: id, key, state, outcome, detection_count, reason, image_path."""
        return self._ask(_FRAMES)

    def alerts(self) -> list[Row[Any]]:
        """Every alert about a frame: frame_id, task_type, detection_count, image_path, result."""
        return self._ask(_ALERTS)

    def seen_after_sec(self, keys: Sequence[str]) -> list[float]:
        """How long after it was written each of these pictures was found."""
        wanted = set(keys)
        rows = self._ask("SELECT key, found_at - captured_at AS seconds FROM frames")
        return [float(row.seconds) for row in rows if row.key in wanted]

    def unsettled(self) -> int:
        """Frames that wait or are under way, and pictures that are still to be moved."""
        return self.count(_UNSETTLED)

    def count(self, statement: str) -> int:
        """The number that a statement returns."""
        number: int = self._ask(statement)[0][0]
        return number

    def text(self, statement: str) -> str:
        """The only text that a statement returns."""
        found: str = self._ask(statement)[0][0]
        return found

    def examples(self) -> list[Row[Any]]:
        """Some frames that are not settled yet, for a message."""
        return self._ask(_EXAMPLES)

    def keys(self) -> set[str]:
        """Of all frames ever found."""
        return {row.key for row in self._ask("SELECT key FROM frames")}

    def done(self) -> int:
        """Frames inferred so far."""
        return self.count("SELECT count(*) FROM frames WHERE state = 'done'")

    def first_success(self, since: float) -> float | None:
        """When the first frame leased at `since` or later was settled as done; None: none yet.

        None as well while the database does not answer.
        """
        try:
            found: float | None = self._ask(_FIRST_SUCCESS, since=since)[0][0]
        except DBAPIError:
            return None
        return found

    def done_at(self) -> dict[str, float]:
        """When each periodic task was done last, by the database's clock and the task's name."""
        rows = self._ask("SELECT name, done_at FROM process_leases")
        return {row.name: float(row.done_at) for row in rows}

    def watched(self) -> bool:
        """Whether a watchdog holds its lease, and has thus seen how things were before."""
        return bool(self._ask(_WATCHES))

    def alarms(self) -> list[Row[Any]]:
        """Every alarm: kind, subject, cause, raised_at, over_at (None while it rings)."""
        try:
            return self._ask(_ALARMS)
        except DBAPIError:
            return []

    def _ask(self, statement: str, **values: Any) -> list[Row[Any]]:
        with self._engine.connect() as conn:
            return list(conn.execute(text(statement), values))

    @cached_property
    def _engine(self) -> Engine:
        return create_engine(self.url, poolclass=NullPool)


def by_key(rows: Sequence[Row[Any]]) -> dict[str, list[Row[Any]]]:
    """Frames by key: two rows mean that a picture was recorded twice."""
    found: dict[str, list[Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.key, []).append(row)
    return found
