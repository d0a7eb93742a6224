"""Settled rows cost nothing: the working set has its own indexes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, event

from easyai.db import (
    admission_rows,
    alert_histogram,
    alert_lists,
    alert_search,
    alerts,
    camera_backlogs,
    camera_pictures,
    diagnosis_facts,
    frame_counts,
    frames,
    history,
    kept_frames,
    ledger,
    metrics,
    outbox,
    pictures,
    recorded_frames,
    row_repairs,
    task_types,
    waiting,
)
from easyai.db.alert_filter import AlertChoice, AlertFilter
from easyai.domain.frame import FrameState, Outcome
from easyai.domain.reason import quoted
from tests.support.site import TYPE, Installation

SETTLED = 100_000
_SERIES = {
    True: "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {most})"
    " INSERT INTO {table} SELECT {values} FROM s",
    False: "INSERT INTO {table} SELECT {values} FROM generate_series(1, {most}) AS s(n)",
}
_FRAMES = (
    "frames (key, task_type, task_id, state, version, captured_at, found_at, due_at, stream,"
    " image_path, image_target, settled_at, service_pk, lease_token, lease_expires_at)"
)
_ALERTS = (
    "alerts (frame_id, task_id, task_type, image_path, algorithm_id, algorithm_name, result,"
    " confidence, detection_count, inference_time_ms, created_at, updated_at)"
)
Work = Callable[[Connection], Any]


def _insert(site: Installation, most: int, table: str, values: str) -> None:
    template = _SERIES[site.runtime.db.is_sqlite]
    site.execute(template.format(most=most, table=table, values=values))


def _fill(site: Installation) -> None:
    for name in (TYPE, "人脸", "车辆"):
        site.execute("INSERT INTO task_types (name, first_seen) VALUES (:n, 0)", n=name)
    camera = "'c' || (n % 20)"
    for count, state, places in (
        (SETTLED, "done", "'', NULL, n, 1, NULL, NULL"),
        (300, "pending", "NULL, NULL, NULL, NULL, NULL, NULL"),
        (300, "parked", "NULL, NULL, NULL, NULL, NULL, NULL"),
        (100, "leased", "NULL, NULL, NULL, 1, 't' || n, 9e9"),
        (20, "failed", "NULL, 'failed/' || n, n, 1, NULL, NULL"),
    ):
        _insert(
            site,
            count,
            _FRAMES,
            f"'{state}' || n, '{TYPE}', {camera}, '{state}', 'v', n, n, n, {camera}, {places}",
        )
    _insert(
        site,
        SETTLED,
        _ALERTS,
        f"n, {camera}, '{TYPE}', 'alerts/' || n, 'a', 'a', '{{}}', 1, 1, 1, n, n",
    )
    _insert(site, SETTLED, "events (at, kind, subject, text)", "n, 'k', 's', 't'")
    site.execute("ANALYZE")


def _plan(site: Installation, work: Work) -> str:
    """The plans of all statements that `work` runs."""
    seen: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        # For a statement of many rows explain a single row: the driver cannot explain more at once.
        seen.append((statement, parameters[0] if isinstance(parameters, list) else parameters))

    db = site.runtime.db
    word = "EXPLAIN QUERY PLAN" if db.is_sqlite else "EXPLAIN"
    with db.write() as conn:
        event.listen(db.engine, "before_cursor_execute", note)
        work(conn)
        event.remove(db.engine, "before_cursor_execute", note)
        steps = [
            str(row[3] if db.is_sqlite else row[0])
            for statement, parameters in seen
            for row in conn.exec_driver_sql(f"{word} {statement}", parameters)
        ]
    assert steps
    return "\n".join(steps)


def _chosen(conn: Connection) -> list[tuple[waiting.PendingFrame, int]]:
    return [(frame, 1) for frame in waiting.due(conn, {TYPE: 2}, 9e9)[TYPE]]


def _list(conn: Connection, **wanted: Any) -> alert_lists.AlertList:
    return alert_lists.page(conn, AlertFilter(**wanted), 20)


def _search(conn: Connection, plain: AlertFilter | None = None, **wanted: Any) -> None:
    alert_search.page(conn, AlertChoice(plain or AlertFilter(), **wanted), 20)


OF_CAMERA = AlertChoice(AlertFilter(task_id="c7"))
WORK: dict[str, tuple[str, Work]] = {
    "keys in place": ("uq_frames_key_in_place", recorded_frames.keys_in_place),
    "newest id": ("", recorded_frames.newest_id),
    "recorded since": ("", lambda c: recorded_frames.recorded_since(c, SETTLED + 700)),
    "due types": ("ix_frames_pending", lambda c: waiting.due_types(c, 9e9)),
    "for trial": ("ix_frames_pending", lambda c: waiting.for_trial(c, TYPE, 2, 9e9)),
    "for trial, what failed": ("ix_frames_retried", lambda c: waiting.for_trial(c, TYPE, 2, 9e9)),
    "waiting": ("ix_frames_pending", waiting.counts),
    "in flight": ("ix_frames_leased", ledger.in_flight),
    "due": ("ix_frames_pending", lambda c: waiting.due(c, {TYPE: 32}, 9e9)),
    "due heads": ("ix_frames_pending_stream", lambda c: waiting.due_heads(c, TYPE, 9e9, 32)),
    "parked": ("ix_frames_parked", lambda c: waiting.parked(c, {TYPE: 32}, 9e9)),
    "parked types": ("ix_frames_parked", lambda c: waiting.types(c, 9e9)),
    "lease": ("", lambda c: ledger.lease(c, _chosen(c), "t", 1, 2)),
    "still held": ("", lambda c: ledger.still_held(c, {"t1": [SETTLED + 601]})),
    "renew": ("ix_frames_leased", lambda c: ledger.renew(c, ["t1", "t2"], 9e9)),
    "give back": ("ix_frames_leased", lambda c: ledger.give_back(c, ["t1"])),
    "expire": ("ix_frames_leased", lambda c: ledger.expire(c, 1.0)),
    "follow clock": ("ix_frames_leased", lambda c: row_repairs.follow_clock(c, 1e9, 15.0)),
    "pull back": ("ix_frames_pending", lambda c: row_repairs.pull_back(c, 1e9)),
    "without stream": ("ix_frames_pending", lambda c: row_repairs.any_without_stream(c, [TYPE])),
    "give streams": ("ix_frames_pending", lambda c: row_repairs.give_streams(c, [TYPE])),
    "uncarried": ("ix_frames_image_target", lambda c: pictures.uncarried(c, 9e9, 0, 500)),
    "on its way": ("uq_alerts_image_path", lambda c: pictures.on_its_way(c, "alerts/1")),
    "hurry": ("ix_frames_pending", lambda c: waiting.hurry(c, [TYPE], 1.0)),
    "carried": ("", lambda c: pictures.carried(c, {SETTLED + 701: "x"})),
    "taken paths": ("uq_alerts_image_path", lambda c: alerts.taken_paths(c, ["alerts/1", "x"])),
    "oldest alerts": ("", lambda c: alerts.oldest(c, 0, 200, system=False)),
    "oldest of system": ("ix_alerts_camera", lambda c: alerts.oldest(c, 0, 200, system=True)),
    "counts of alerts": ("ix_alerts_camera", alerts.counts),
    "list of alerts": ("", lambda c: _list(c, task_type=TYPE, end_time=90_000.0)),
    "list of a camera": ("ix_alerts_camera", lambda c: _list(c, task_id="c7", task_type=TYPE)),
    "list of many detections": ("ix_alerts_many", lambda c: _list(c, min_detections=70)),
    "list of a service": ("", lambda c: _search(c, algorithm_id="x")),
    "list of a camera and a score": (
        "ix_alerts_camera",
        lambda c: _search(c, AlertFilter(task_id="c7"), min_confidence=2.0),
    ),
    "list of reviewed alerts": ("alert_reviews", lambda c: _search(c, reviewed=True)),
    "neighbours of an alert": (
        "",
        lambda c: alert_search.neighbours(c, 5, AlertFilter(task_type="x")),
    ),
    "histogram of alerts": (
        "",
        lambda c: alert_histogram.histogram(c, AlertChoice(), SETTLED - 9000.0, 100.0, 90),
    ),
    "histogram of a camera": (
        "ix_alerts_camera",
        lambda c: alert_histogram.histogram(c, OF_CAMERA, 1.0, 1000.0, 100),
    ),
    "histogram of a service": (
        "",
        lambda c: alert_histogram.histogram(c, AlertChoice(algorithm_id="a"), 1.0, 1000.0, 100),
    ),
    "histogram of reviewed alerts of a camera": (
        "ix_alerts_camera",
        lambda c: alert_histogram.histogram(c, replace(OF_CAMERA, reviewed=True), 1.0, 1e3, 100),
    ),
    "newest alerts of cameras": ("ix_alerts_camera", camera_pictures.newest_alerts),
    "newest frames of cameras": ("", camera_pictures.newest_frames),
    "newest frame of a camera": ("", lambda c: camera_pictures.newest_frame(c, "c7")),
    "waiting of cameras": ("ix_frames_parked", camera_pictures.waiting),
    "page of failed frames": (
        "ix_frames_failed",
        lambda c: kept_frames.page(c, FrameState.FAILED, 50),
    ),
    "page of parked frames of a camera": (
        "ix_frames_parked",
        lambda c: kept_frames.page(c, FrameState.PARKED, 50, task_type=TYPE, task_id="c7"),
    ),
    "counts of failed frames": (
        "ix_frames_failed",
        lambda c: frame_counts.by_type(c, FrameState.FAILED),
    ),
    "cameras with alerts": ("ix_alerts_camera", alert_lists.task_ids),
    "outbox empty": ("ix_alerts_unpublished", outbox.is_empty),
    "outbox newest": ("ix_alerts_unpublished", outbox.newest),
    "outbox": ("ix_alerts_unpublished", lambda c: outbox.waiting(c, 10**9, 100, 10**6, ["门口1"])),
    "outbox backlog": ("ix_alerts_unpublished", outbox.backlog),
    "scrape, what waits": ("ix_frames_pending", metrics.read),
    "scrape, what was parked": ("ix_frames_parked", metrics.read),
    "scrape, what is in flight": ("ix_frames_leased", metrics.read),
    "acknowledged": ("", lambda c: outbox.acknowledged(c, [1, 2], 1.0)),
    "newest frame": ("", history.newest_frame),
    "frames after": ("", lambda c: history.frames_after(c, 0)),
    "forget frames": ("", lambda c: history.forget_frames(c, list(range(1, 501)))),
    "forget events": ("ix_events_at", lambda c: history.EVENTS.forget(c, SETTLED, 10**9, 2.0)),
    "oldest event": ("ix_events_at", history.EVENTS.oldest_at),
    "unserved": ("ix_frames_pending", admission_rows.unserved),
    "waiting served": ("ix_frames_pending", admission_rows.waiting_served),
    "more than": ("ix_frames_pending", lambda c: admission_rows.more_than(c, 100)),
    "types parked": ("ix_frames_parked", lambda c: admission_rows.types_in(c, FrameState.PARKED)),
    "parked counts": ("ix_frames_parked", admission_rows.parked_counts),
    "oldest pending": (
        "ix_frames_pending",
        lambda c: admission_rows.oldest(c, FrameState.PENDING, TYPE, 20),
    ),
    "oldest parked": (
        "ix_frames_parked",
        lambda c: admission_rows.oldest(c, FrameState.PARKED, TYPE, 20),
    ),
    "newest pending": ("ix_frames_pending", lambda c: admission_rows.newest(c, TYPE, 20)),
    "superseded": ("ix_frames_pending", lambda c: admission_rows.superseded(c, TYPE, 20)),
    "more of a camera pending": (
        "ix_frames_pending",
        lambda c: camera_backlogs.more_wait(c, TYPE, 10),
    ),
    "beyond of cameras": (
        "ix_frames_parked",
        lambda c: camera_backlogs.beyond(c, TYPE, ["c1", "c2"], 5, 100),
    ),
    "aged pending": (
        "ix_frames_pending",
        lambda c: admission_rows.aged(c, FrameState.PENDING, 0.0, 9.0, 20),
    ),
    "aged parked": (
        "ix_frames_parked",
        lambda c: admission_rows.aged(c, FrameState.PARKED, 0.0, 9.0, 20),
    ),
    "aged retried": (
        "ix_frames_retried",
        lambda c: admission_rows.aged(c, FrameState.PENDING, 0.0, 9.0, 20),
    ),
    "aged failed": (
        "ix_frames_failed",
        lambda c: admission_rows.aged(c, FrameState.FAILED, 0.0, 9.0, 20),
    ),
    "park": ("", lambda c: admission_rows.park(c, [SETTLED + 1])),
    "unpark": ("", lambda c: admission_rows.unpark(c, [SETTLED + 301])),
    "start afresh": (
        "",
        lambda c: admission_rows.start_afresh(c, [SETTLED + 2], FrameState.PENDING, 1.0),
    ),
    "drop": (
        "",
        lambda c: admission_rows.drop(
            c, [SETTLED + 3], FrameState.PENDING, Outcome.QUEUE_FULL, quoted("full"), 1.0
        ),
    ),
    "counts of frames": ("ix_frames_parked", frames.counts),
    "failures": ("ix_frames_failed", lambda c: diagnosis_facts.failures(c, TYPE, 0.0)),
    "sampling": ("", task_types.sampling),
}


def test_hot_path_statements_do_not_scan_history(site: Installation) -> None:
    _fill(site)
    problems = []
    for name, (index, work) in WORK.items():
        plan = _plan(site, work)
        reads_all = any(
            f"Seq Scan on {table}" in plan or f"SCAN {table}\n" in plan + "\n"
            for table in ("frames", "alerts", "events")
        )
        if reads_all or index not in plan:
            problems.append(f"{name}, wanted {index or 'the primary key'}:\n{plan}")
    assert not problems, "\n\n".join(problems)


def test_waiting_frames_of_cameras_are_found_by_index_although_many_wait(
    site: Installation,
) -> None:
    for count, state in ((SETTLED, "done"), (20_000, "pending"), (20_000, "parked")):
        path = "''" if state == "done" else "NULL"
        values = f"'{state}' || n, '{TYPE}', 'c' || (n % 20), '{state}', 'v', n, n, n, NULL, {path}"
        _insert(site, count, _FRAMES, f"{values}, NULL, NULL, NULL, NULL, NULL")
    site.execute("ANALYZE")
    plan = _plan(site, camera_pictures.waiting)
    assert "ix_frames_pending" in plan
    assert "ix_frames_parked" in plan
    assert "Seq Scan on frames" not in plan
