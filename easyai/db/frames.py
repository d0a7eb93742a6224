"""The SQL of listing frames and of requeueing failed frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    bindparam,
    column,
    func,
    literal_column,
    or_,
    select,
    table,
    text,
    true,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from easyai.db import frame_counts
from easyai.db.locks import lock_in_order
from easyai.domain.frame import FrameState

FrameRow = Row[Any]

# Not the model: see db/alerts.py.
FRAMES = table(
    "frames",
    column("id", BigInteger),
    *(
        column(name, Text)
        for name in (
            "task_type",
            "task_id",
            "state",
            "outcome",
            "reason",
            "reason_code",
            "reason_args",
            "image_path",
            "image_target",
        )
    ),
    column("found_at"),
    column("settled_at"),
)
_FRAME = FRAMES.c
# States whose frames have a partial index; frames in other states are history.
LIVE: Final = (FrameState.PENDING, FrameState.PARKED, FrameState.LEASED, FrameState.FAILED)
_ALL: Final = 2**31 - 1

_DETAILS = text("""
    SELECT frames.*, services.service_id, services.endpoint, alerts.id AS alert_id
      FROM frames
      LEFT JOIN services ON services.pk = frames.service_pk
      LEFT JOIN alerts ON alerts.frame_id = frames.id
     WHERE frames.id IN :ids ORDER BY frames.id DESC
""").bindparams(bindparam("ids", expanding=True))
# A union of four: each part reads the partial index of its state and nothing of the history.
_COUNTS = text("""
    SELECT 'pending' AS state, task_type, count(*) FROM frames
     WHERE state = 'pending' GROUP BY task_type
    UNION ALL
    SELECT 'parked', task_type, count(*) FROM frames WHERE state = 'parked' GROUP BY task_type
    UNION ALL
    SELECT 'leased', task_type, count(*) FROM frames WHERE state = 'leased' GROUP BY task_type
    UNION ALL
    SELECT 'failed', task_type, count(*) FROM frames WHERE state = 'failed' GROUP BY task_type
""")
_BY_KEY = text("SELECT id FROM frames WHERE key = :key OR image_path = :key ORDER BY id DESC")
_TO_BRING_BACK = text("""
    SELECT id, task_id, task_type, coalesce(settled_at, 0) FROM frames
     WHERE id IN :ids AND state = 'failed' AND image_target IS NULL
       AND (image_path IS NULL OR image_path <> '')
""").bindparams(bindparam("ids", expanding=True))
_BRING_BACK = text("""
    UPDATE frames
       SET state = 'pending', attempts = 0, tries = 0, due_at = :now, last_failure_at = 0,
           avoid_service = NULL, reason = NULL, reason_code = NULL, reason_args = NULL,
           service_pk = NULL, leased_at = NULL, requeued_at = :now, settled_at = NULL,
           outcome = NULL, detection_count = NULL, inference_ms = NULL
     WHERE id IN :ids
""").bindparams(bindparam("ids", expanding=True))


@dataclass(frozen=True, slots=True)
class FrameFilter:
    """Which frames to select; None means any."""

    state: FrameState | None = None
    task_type: str | None = None
    task_id: str | None = None
    since: float | None = None  # Unix seconds: settled since, or found since if not settled
    # A part of its code or arguments or, unless the state is failed, of the outcome.
    reason: str | None = None
    ids: tuple[int, ...] = ()
    until: float | None = None  # like `since`: settled or found before that


class CountedFailed(NamedTuple):
    """The failed frames of a task type, by whether they can be requeued."""

    ready: int
    moving: int  # their pictures are still to be moved to the folder of failed frames
    gone: int  # their pictures do not exist any more
    whole: bool  # false: there may be more, which were not read


class BroughtBack(NamedTuple):
    """A frame that has failed and is pending again."""

    id: int
    task_id: str
    task_type: str
    failed_at: float  # Unix seconds


def newest(conn: Connection, wanted: FrameFilter, limit: int) -> list[FrameRow]:
    """Frames with their service and alert, the newest first.

    An index finds waiting, leased and failed frames. A filter on other frames reads the history
    backwards until `limit` frames have matched.
    """
    # `+ 0` keeps the planner from walking all of history in order of id for a few live frames.
    order = _FRAME.id + 0 if wanted.state in LIVE else _FRAME.id
    statement = _where(select(_FRAME.id), wanted).order_by(order.desc()).limit(limit)
    return by_ids(conn, conn.execute(statement).scalars().all())


def by_key(conn: Connection, key: str) -> list[FrameRow]:
    """Frames by their key or by the present key of their picture, the newest first.

    Returns several frames when a camera has reused the name. Reads all of the history.
    """
    return by_ids(conn, conn.execute(_BY_KEY, {"key": key}).scalars().all())


def get(conn: Connection, frame_id: int) -> FrameRow | None:
    """The frame with this id, with its service and alert; None when there is none."""
    return next(iter(by_ids(conn, [frame_id])), None)


def counts(conn: Connection) -> dict[str, dict[str, int]]:
    """Count waiting, leased and failed frames by task type; the cost ignores the history."""
    by_type: dict[str, dict[str, int]] = {}
    for state, task_type, number in conn.execute(_COUNTS):
        empty = {str(name): 0 for name in LIVE}
        by_type.setdefault(task_type, empty)[state] = number
    return dict(sorted(by_type.items()))


def ready(conn: Connection, wanted: FrameFilter) -> list[int]:
    """The ids of failed frames that match the filter and can be requeued."""
    has_picture = _FRAME.image_path.is_(None) | (_FRAME.image_path != "")
    statement = select(_FRAME.id).where(_FRAME.image_target.is_(None), has_picture)
    wanted = replace(wanted, state=FrameState.FAILED)
    return list(conn.execute(_where(statement, wanted)).scalars())


def count_failed(
    conn: Connection, wanted: FrameFilter, most: int | None = None
) -> dict[str, CountedFailed]:
    """Count the failed frames that match the filter, by task type.

    Reads at most about `most` frames, as many of each type; all without it, or if `ids` are chosen.
    """
    if most is None or wanted.ids:
        return _count_parts(conn, wanted, None)  # a statement, however many types there are
    types = frame_counts.types(conn, FrameState.FAILED, _ALL)
    names = [name for name in types if wanted.task_type in (None, name)]
    read = max(1, most // max(1, len(names)))
    counted: dict[str, CountedFailed] = {}
    for name in names:
        counted |= _count_parts(conn, replace(wanted, task_type=name), read)
    return counted


def _count_parts(
    conn: Connection, wanted: FrameFilter, read: int | None
) -> dict[str, CountedFailed]:
    # Bounded before the conditions that no index knows.
    indexed = replace(wanted, task_id=None, reason=None, state=FrameState.FAILED)
    frame = _where(select(*_FRAME), indexed).limit(read).subquery().c
    matches: ColumnElement[bool] = true()
    if wanted.task_id is not None:
        matches &= frame.task_id == wanted.task_id
    if wanted.reason is not None:
        matches &= _has_words(frame, wanted.reason)
    moving = matches & frame.image_target.is_not(None)
    gone = matches & frame.image_target.is_(None) & (frame.image_path == "")
    numbers = (func.count().filter(part) for part in (true(), matches, moving, gone))
    statement = select(frame.task_type, *numbers).group_by(frame.task_type)
    return {
        name: CountedFailed(matched - moves - lost, moves, lost, whole=all_read != read)
        for name, all_read, matched, moves, lost in conn.execute(statement)
    }


def bring_back(conn: Connection, ids: Sequence[int], now: float) -> list[BroughtBack]:
    """Make failed frames pending, as if just found; returns the changed frames.

    The picture stays where it is. A frame stays unchanged when it is not failed any more, or when
    its picture is moving or gone.
    """
    if not ids:
        return []
    lock_in_order(conn, "frames", ids)
    back = [BroughtBack(*row) for row in conn.execute(_TO_BRING_BACK, {"ids": ids})]
    if back:
        conn.execute(_BRING_BACK, {"ids": [frame.id for frame in back], "now": now})
    return back


def by_ids(conn: Connection, ids: Sequence[int]) -> list[FrameRow]:
    """Frames with their service and alert, newest first within 500 ids, unless they are gone."""
    rows = []
    for start in range(0, len(ids), 500):
        rows += list(conn.execute(_DETAILS, {"ids": ids[start : start + 500]}))
    return rows


def _in_state(state: FrameState) -> ColumnElement[bool]:
    # A literal, not a bound value: a plan for any state cannot use the partial index of a state.
    return _FRAME.state == literal_column(f"'{state}'")


def _where(statement: Select[Any], wanted: FrameFilter) -> Select[Any]:
    if wanted.state is not None:
        statement = statement.where(_in_state(wanted.state))
    if wanted.task_type is not None:
        statement = statement.where(_FRAME.task_type == wanted.task_type)
    if wanted.task_id is not None:
        statement = statement.where(_FRAME.task_id == wanted.task_id)
    if wanted.since is not None:
        statement = statement.where(_moment(wanted.state, lambda at: at >= wanted.since))
    if wanted.until is not None:
        statement = statement.where(_moment(wanted.state, lambda at: at < wanted.until))
    if wanted.reason is not None:
        statement = statement.where(_because(wanted.state, wanted.reason))
    if wanted.ids:
        statement = statement.where(_FRAME.id.in_(wanted.ids))
    return statement


def _because(state: FrameState | None, words: str) -> ColumnElement[bool]:
    held = _has_words(_FRAME, words)
    if state is FrameState.FAILED:
        return held  # all failed frames have the same outcome
    return or_(held, _FRAME.outcome.icontains(words, autoescape=True))


def _has_words(frame: ReadOnlyColumnCollection[str, Any], words: str) -> ColumnElement[bool]:
    return or_(
        frame.reason_code.icontains(words, autoescape=True),
        frame.reason_args.icontains(words, autoescape=True),
        # Written by a process of the previous release.
        frame.reason_code.is_(None) & frame.reason.icontains(words, autoescape=True),
    )


def _moment(
    state: FrameState | None, holds: Callable[[ColumnElement[float]], ColumnElement[bool]]
) -> ColumnElement[bool]:
    """A condition on the time when frames were settled, or found if they are not settled."""
    if state in (FrameState.PENDING, FrameState.PARKED, FrameState.LEASED):
        return holds(_FRAME.found_at)
    if state is not None:
        return holds(_FRAME.settled_at)  # a bare column: the index of failed frames has it
    return or_(holds(_FRAME.settled_at), _FRAME.settled_at.is_(None) & holds(_FRAME.found_at))
