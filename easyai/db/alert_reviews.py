"""The SQL of reviewed marks: which person has looked at an alert, and when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, text

_AT_ONCE: Final = 500  # ids in a statement
# Only alerts that are there: a mark of a deleted alert would stay for ever.
_MARK: Final = text("""
    INSERT INTO alert_reviews (alert_id, reviewed_by, reviewed_at)
    SELECT id, :by, :now FROM alerts WHERE id IN :ids ORDER BY id
        ON CONFLICT (alert_id) DO NOTHING
""").bindparams(bindparam("ids", expanding=True))
_UNMARK: Final = text("DELETE FROM alert_reviews WHERE alert_id IN :ids").bindparams(
    bindparam("ids", expanding=True)
)
_OF: Final = text("""
    SELECT alert_id, reviewed_by, reviewed_at FROM alert_reviews WHERE alert_id IN :ids
""").bindparams(bindparam("ids", expanding=True))
# Alerts that the release before has deleted, the oldest first: retention deletes the oldest alerts.
_TRIM: Final = text("""
    DELETE FROM alert_reviews WHERE alert_id IN (
        SELECT alert_id FROM alert_reviews
         WHERE alert_id < (SELECT coalesce(min(id), 0) FROM alerts) ORDER BY alert_id LIMIT :most)
""")


class Review(NamedTuple):
    """The mark of an alert."""

    by: str
    at: float  # Unix seconds


def mark(conn: Connection, ids: Sequence[int], by: str, now: float) -> int:
    """Mark alerts as reviewed; returns how many marks are new. An earlier mark stays."""
    marked = 0
    for chunk in _chunks(ids):
        marked += conn.execute(_MARK, {"ids": chunk, "by": by, "now": now}).rowcount
    return marked


def unmark(conn: Connection, ids: Sequence[int]) -> int:
    """Remove the marks of alerts; returns how many there were."""
    return sum(conn.execute(_UNMARK, {"ids": chunk}).rowcount for chunk in _chunks(ids))


def of(conn: Connection, ids: Sequence[int]) -> dict[int, Review]:
    """The marks of alerts, by id."""
    found: dict[int, Review] = {}
    for chunk in _chunks(ids):
        for row in conn.execute(_OF, {"ids": chunk}):
            found[row.alert_id] = Review(row.reviewed_by, row.reviewed_at)
    return found


def trim(conn: Connection, most: int) -> int:
    """Delete up to `most` marks of alerts older than every alert; returns how many."""
    return conn.execute(_TRIM, {"most": most}).rowcount


def _chunks(ids: Sequence[int]) -> list[list[int]]:
    ordered = sorted(set(ids))
    return [ordered[start : start + _AT_ONCE] for start in range(0, len(ordered), _AT_ONCE)]
