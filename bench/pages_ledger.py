"""A ledger of months for `bench.pages`, on SQLite or PostgreSQL; statements make its rows."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from PIL import Image
from sqlalchemy import text

from bench import site
from easyai.db import flow_history, reasons, space, statistics
from easyai.db.statistics import Tally
from easyai.domain.alarm import AlarmKind
from easyai.domain.json_text import result_text
from easyai.domain.outcome_totals import BOUNDS_SEC
from easyai.domain.reason import Reason
from easyai.runtime import Runtime

WEEK_SEC: Final = 7 * 86_400
MONTH_SEC: Final = 30 * 86_400
#: The camera of 60 % of all alerts, a camera of few, and a type of an alert in 400.
BUSY, QUIET, RARE = "camera-1000", "camera-1001", "type-99"
CAMERAS: Final = 120
#: The picture of an alert, below the folder of the frames.
PICTURE: Final = "alerts/9.jpg"
_LINKS: Final = 10_000  # of a file: ext4 takes 65,000
_SERIES: Final = {
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < :most)"
    " INSERT INTO {into} SELECT {values} FROM s",
    "postgresql": "INSERT INTO {into} SELECT {values} FROM"
    " generate_series(CAST(1 AS BIGINT), CAST(:most AS BIGINT)) AS s(n)",
}
_FRAMES: Final = (
    "frames (key, task_type, task_id, state, version, captured_at, found_at, due_at, service_pk,"
    " leased_at, settled_at, outcome, detection_count, inference_ms, image_path, reason,"
    " reason_code, reason_args)"
)
# Each camera has frames of each type. A ninth of the frames are alerts, two ninths have failed; the
# newest tenth waits, half of it parked. Only waiting frames and failed frames have a picture.
_FRAME_TYPE: Final = "'type-' || (10 + n / :cameras % :types)"
_FRAME_CAMERA: Final = "'camera-' || (1000 + n % :cameras)"
_FRAME_VALUES: Final = f"""
    {_FRAME_TYPE} || '/' || {_FRAME_CAMERA} || '/' || n || '.jpg', {_FRAME_TYPE}, {_FRAME_CAMERA},
    CASE WHEN n > :pending THEN 'pending' WHEN n > :parked THEN 'parked'
         WHEN n % 9 IN (2, 5) THEN 'failed' ELSE 'done' END,
    'v', :since + n * :step, :since + n * :step + 0.4, :since + n * :step + 0.4,
    CASE WHEN n > :parked THEN NULL ELSE 1 + n % :services END,
    CASE WHEN n > :parked THEN NULL ELSE :since + n * :step + 0.5 END,
    CASE WHEN n > :parked THEN NULL ELSE :since + n * :step + 0.6 END,
    CASE WHEN n > :parked THEN NULL WHEN n % 9 IN (2, 5) THEN 'failed'
         WHEN n % 9 = 0 THEN 'alert' ELSE 'no_detection' END,
    CASE WHEN n % 9 = 0 THEN 5 ELSE 0 END, 40 + n % 25,
    CASE WHEN n > :parked THEN NULL WHEN n % 9 IN (2, 5) THEN 'failed/' || n || '.jpg'
         WHEN n % 9 = 0 THEN 'alerts/' || n || '.jpg' ELSE '' END,
    CASE WHEN n <= :parked AND n % 9 IN (2, 5) THEN :reason END,
    CASE WHEN n <= :parked AND n % 9 IN (2, 5) THEN :reason_code END,
    CASE WHEN n <= :parked AND n % 9 IN (2, 5) THEN :reason_args END
"""
_ALERTS: Final = (
    "alerts (frame_id, task_id, task_type, image_path, algorithm_id, algorithm_name, result,"
    " confidence, detection_count, inference_time_ms, created_at, updated_at)"
)
_ALERT_VALUES: Final = f"""
    9 * n, CASE WHEN n % 5 < 3 THEN '{BUSY}' ELSE 'camera-' || (1001 + n / 5 % :others) END,
    CASE WHEN n % 400 = 7 THEN '{RARE}' ELSE 'type-' || (10 + n / 7 % :types) END,
    'alerts/' || (9 * n) || '.jpg', 'service-' || (n % :services), 'detector',
    replace(:result, '"name":""', '"name":"' || n || '"'),
    0.5 + n % 40 / 100.0, 5, 45.5, :since + n * :step, :since + n * :step
"""
_REVIEWS: Final = text("""
    INSERT INTO alert_reviews SELECT id, 'Anna', created_at FROM alerts WHERE id % 5 < 2
""")
_EVENTS: Final = "events (at, kind, subject, text, reason_code, reason_args)"
_HOURS: Final = "camera_hours (hour, task_id, task_type, outcome, frames)"
_HOUR_VALUES: Final = f"""
    :hour - n / (:cameras * :types * 2), {_FRAME_CAMERA}, {_FRAME_TYPE},
    CASE n / (:cameras * :types) % 2 WHEN 0 THEN 'failed' ELSE 'no_detection' END, 2 + n % 3
"""
_TYPES: Final = text("""
    INSERT INTO camera_types SELECT task_id, task_type, max(hour) FROM camera_hours
     GROUP BY task_id, task_type
""")
_ALARMS: Final = (
    "alarms (kind, subject, cause, reason_code, reason_args, began_at, raised_at, told_at, over_at)"
)
_ALARM_VALUES: Final = """
    :kind, 'type-' || n, '', 'alarm_title.raised', :args, :since + n * 60, :since + n * 60,
    :since + n * 60, CASE WHEN n > :most - 5 THEN NULL ELSE :since + n * 60 + 50 END
"""
_FLOW: Final = text("""
    INSERT INTO flow (step_sec, at, task_type, arrived, inferred, dropped, waiting, durations)
    VALUES (:step_sec, :at, :task_type, :arrived, :inferred, 0, 9, :durations)
""")


@dataclass(frozen=True)
class LedgerSize:
    """How many rows a ledger has."""

    frames: int = 1_000_000
    alerts: int = 100_000
    cameras: int = CAMERAS
    types: int = 11  # and the rare type
    services: int = 100
    events: int = 100_000
    alarms: int = 1_000

    @property
    def type_names(self) -> list[str]:
        """All task types."""
        return [*(f"type-{10 + number}" for number in range(self.types)), RARE]


def result_of_boxes(name: str) -> str:
    """The JSON of five boxes; another text for each name."""
    boxes = [
        {"class_name": "person", "confidence": 0.9, "bbox": [90 * n, 40, 90 * n + 60, 200]}
        for n in range(5)
    ]
    return result_text({"name": name, "total_count": 5, "detections": boxes})


def fill(runtime: Runtime, size: LedgerSize) -> None:
    """Make the rows of a ledger, in a database without rows."""
    now = time.time()
    ports = range(20_000, 20_000 + size.services)
    site.add_services(
        runtime, size.type_names, [f"http://127.0.0.1:{port}/infer" for port in ports]
    )
    _add_frames(runtime, size, now)
    _add_alerts(runtime, size, now)
    _add_events(runtime, size, now)
    _add_incidents(runtime, size, now)
    with runtime.db.write() as conn:
        conn.execute(_FLOW, list(_flow(size, now)))
        for at in range(int(now) - 3600, int(now), statistics.BUCKET_SEC):
            tally = Tally(found=60, requests=60, responses=58, successes=57, failures=1)
            statistics.add(conn, dict.fromkeys(size.type_names, tally), at)
    _settle(runtime)


def _add_frames(runtime: Runtime, size: LedgerSize, now: float) -> None:
    because = reasons.columns("reason", Reason.of("call.http_status", status=500))
    common = {"cameras": size.cameras, "types": size.types}
    own = {
        "parked": size.frames - size.frames // 10,
        "pending": size.frames - size.frames // 20,
        "services": size.services,
        **_times(now - WEEK_SEC, WEEK_SEC, size.frames),
    }
    _insert(runtime, size.frames, _FRAMES, _FRAME_VALUES, common | own | because)
    hours = 7 * 24 * size.cameras * size.types * 2  # outcomes
    _insert(runtime, hours, _HOURS, _HOUR_VALUES, common | {"hour": int(now // 3600)})
    with runtime.db.write() as conn:
        conn.execute(_TYPES)


def _add_alerts(runtime: Runtime, size: LedgerSize, now: float) -> None:
    values = {
        "others": size.cameras - 1,
        "types": size.types,
        "services": size.services,
        "result": result_of_boxes(""),
        **_times(now - MONTH_SEC, MONTH_SEC, size.alerts),
    }
    _insert(runtime, size.alerts, _ALERTS, _ALERT_VALUES, values)
    _add_pictures(runtime, size.alerts)
    with runtime.db.write() as conn:
        conn.execute(_REVIEWS)


def _add_pictures(runtime: Runtime, count: int) -> None:
    """A picture for each alert; links are made faster than files."""
    folder = runtime.settings.frame_extractor.output_dir / "alerts"
    folder.mkdir(parents=True)
    file = folder
    for number in range(1, count + 1):
        path = folder / f"{9 * number}.jpg"
        if number % _LINKS == 1:
            Image.new("RGB", (640, 360)).save(path)
            file = path
        else:
            os.link(file, path)


def _add_events(runtime: Runtime, size: LedgerSize, now: float) -> None:
    """Each service goes and comes back, and an event in 64 is an action of an operator."""
    kinds = {
        "service_suspect": Reason.of("service.no_heartbeat", silent_sec=9.0),
        "service_offline": Reason.of("service.no_heartbeat", silent_sec=20.0),
        "service_online": Reason.of(
            "service.back", evidence=Reason("service.heartbeat"), was="offline", away_sec=9.0
        ),
        "operator_action": Reason.of("action.noted", actor="local", done=Reason("frame.discarded")),
    }
    rows = [{"kind": kind, **reasons.columns("text", why, "reason")} for kind, why in kinds.items()]
    chosen = "CASE WHEN n % 64 = 0 THEN 3 ELSE n / :services % 3 END"
    columns = {
        name: f"CASE {chosen} "
        + " ".join(f"WHEN {number} THEN :{name}_{number}" for number in range(len(rows)))
        + " END"
        for name in rows[0]
    }
    values = {f"{name}_{number}": row[name] for number, row in enumerate(rows) for name in row}
    subject = "'http://127.0.0.1:' || (20000 + n % :services) || '/infer'"
    sql = f":since + n * :step, {columns.pop('kind')}, {subject}, {', '.join(columns.values())}"
    times = _times(now - WEEK_SEC, WEEK_SEC, size.events)
    _insert(runtime, size.events, _EVENTS, sql, values | times | {"services": size.services})


def _add_incidents(runtime: Runtime, size: LedgerSize, now: float) -> None:
    kind = str(AlarmKind.INFERENCE_STALLED)
    values = {"kind": kind, "args": f'{{"kind":"{kind}"}}', "since": now - size.alarms * 60}
    _insert(runtime, size.alarms, _ALARMS, _ALARM_VALUES, values)
    report = {"markdown": "# A report\n" + "- a line of evidence\n" * 400}
    _insert(
        runtime, min(size.alarms, 500), "alarm_reports (alarm_id, language, markdown)",
        f"{size.alarms} + 1 - n, 'en', :markdown", report,
    )  # fmt: skip
    notes = "alarm_notes (alarm_id, noted_by, noted_at, text)"
    _insert(runtime, size.alarms, notes, "n, 'Anna', :now, 'seen'", {"now": now})


def _flow(size: LedgerSize, now: float) -> Iterator[dict[str, Any]]:
    """The curves of a week: all steps that are kept, of all types, with durations."""
    durations = " ".join(str(n * 3) for n in range(len(BOUNDS_SEC) + 1))
    for step, kept in flow_history.KEPT_SEC.items():
        until = int(now) // step * step
        for at in range(until - kept, until, step):
            for name in ("", *size.type_names):
                counts = {"arrived": 6 * step, "inferred": 5 * step, "durations": durations}
                yield {"step_sec": step, "at": at, "task_type": name, **counts}


def _times(since: float, span_sec: float, count: int) -> dict[str, float]:
    return {"since": since, "step": span_sec / count}


def _insert(runtime: Runtime, count: int, into: str, values: str, given: Mapping[str, Any]) -> None:
    with runtime.db.write() as conn:
        statement = _SERIES[conn.dialect.name].format(into=into, values=values)
        conn.execute(text(statement), {"most": count, **given})


def _settle(runtime: Runtime) -> None:
    """What upkeep does in time: statistics of the planner, and a short log."""
    if runtime.db.is_sqlite:
        space.optimize(runtime.db)
        space.checkpoint(runtime.db, 0)
    else:
        with runtime.db.engine.connect() as conn:
            plain = conn.execution_options(isolation_level="AUTOCOMMIT")
            plain.exec_driver_sql("VACUUM ANALYZE")
