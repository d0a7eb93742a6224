"""Upkeep forgets settled and old rows only."""

from __future__ import annotations

import time
from typing import Any

import pytest

from easyai.broker.queue_names import CONTROL_QUEUE
from easyai.db import camera_hours, events, leases, processes, statistics
from easyai.db.statistics import Tally
from easyai.domain import record_age
from easyai.domain.reason import quoted
from easyai.errors import StoreUnavailableError
from easyai.pipeline import upkeep
from easyai.pipeline.alert_removal import delete_alerts
from easyai.tasks import periodic
from easyai.tasks.app import make_app
from easyai.tasks.config import UPKEEP_TASK, celery_settings
from easyai.tasks.process import WorkerProcess
from tests.support.alert_rows import insert
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation

DAY = 86_400.0
NOW = 1_800_000_000.0


@pytest.fixture
def no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single run may forget any span of time."""
    monkeypatch.setattr(record_age, "STEP_SEC", 1e9)


def frame(site: Installation, name: str, state: str = "done", **columns: Any) -> None:
    """Insert a frame settled long ago without a picture; `columns` override."""
    values: dict[str, Any] = {
        "key": f"{TYPE}/c/{name}",
        "task_type": TYPE,
        "task_id": "c",
        "state": state,
        "version": "v",
        "captured_at": 1.0,
        "found_at": 1.0,
        "due_at": 1.0,
        "settled_at": NOW - 8 * DAY,
        "image_path": "",
    } | columns
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    site.execute(f"INSERT INTO frames ({names}) VALUES ({marks})", **values)


def keys(site: Installation) -> list[str]:
    """The names of all frames in the ledger."""
    return [row["key"].rpartition("/")[2] for row in site.frames()]


def run(site: Installation, now: float = NOW) -> upkeep.UpkeepReport:
    """Run upkeep at a time."""
    return upkeep.run(site.runtime, lambda: now)


def test_settled_frames_past_retention_are_forgotten_and_younger_frames_stay(
    site: Installation,
) -> None:
    frame(site, "old")
    frame(site, "dropped", "dropped")
    frame(site, "young", settled_at=NOW - 6 * DAY)
    frame(site, "newest", settled_at=NOW)
    assert run(site).frames == 2
    assert keys(site) == ["young", "newest"]


@pytest.mark.parametrize(
    ("state", "columns"),
    [
        ("pending", {"settled_at": None, "image_path": None}),
        ("parked", {"settled_at": None, "image_path": None}),
        ("leased", {"settled_at": None, "image_path": None, "service_pk": 1, "lease_token": "t"}),
        ("failed", {"image_path": "failed/x.jpg"}),
        ("done", {"image_target": ""}),
        ("done", {"image_path": None, "image_target": "alerts/x.jpg"}),
        ("dropped", {"image_path": None}),
    ],
)
def test_unsettled_frame_or_frame_with_a_pending_move_is_not_forgotten(
    site: Installation, state: str, columns: dict[str, Any]
) -> None:
    site.configure(max_history_rows=1)
    frame(site, "stays", state, **columns)
    frame(site, "over")
    frame(site, "newest")
    assert run(site).frames == 1
    assert keys(site) == ["stays", "newest"]


def test_oldest_frames_beyond_max_history_rows_are_forgotten_at_any_age(
    site: Installation,
) -> None:
    site.configure(max_history_rows=3)
    for number in range(8):
        frame(site, str(number), settled_at=NOW)
    assert run(site).frames == 5
    assert keys(site) == ["5", "6", "7"]


def test_history_without_limits_is_kept(site: Installation) -> None:
    site.configure(max_history_rows=0, history_retention_days=0)
    for number in range(3):
        frame(site, str(number), settled_at=1.0)
    assert run(site).frames == 0


def test_newest_frame_is_kept_so_that_its_id_is_not_reused(site: Installation) -> None:
    frame(site, "old")
    frame(site, "newest")
    run(site)
    site.record(1)
    assert [row["id"] for row in site.frames()] == [2, 3]


def test_long_history_is_trimmed_past_frames_that_stay(site: Installation) -> None:
    site.configure(max_history_rows=10)
    insert = (
        "INSERT INTO frames (key, task_type, task_id, state, version, captured_at, found_at,"
        " due_at, settled_at, image_path) SELECT 'k' || n, 't', 'c', CASE WHEN n <= 1200 THEN"
        " 'failed' ELSE 'done' END, 'v', 1, 1, 1, :now, '' FROM ({series}) AS s"
    )
    sqlite = (
        "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 3000)"
        " SELECT n FROM s"
    )
    series = sqlite if site.runtime.db.is_sqlite else "SELECT n FROM generate_series(1, 3000) s(n)"
    site.execute(insert.format(series=series), now=NOW)
    assert run(site).frames == 1790
    assert (site.count("failed"), site.count("done")) == (1200, 10)


@pytest.mark.parametrize("years", [1, 50])
def test_clock_jump_ahead_does_not_empty_the_history(site: Installation, years: int) -> None:
    for hours in range(100, 0, -1):
        frame(site, f"{hours}h", settled_at=NOW - hours * 3600)
    assert run(site).frames == 0
    assert run(site, NOW + years * 365 * DAY).frames == 1  # of a hundred
    for _ in range(5):
        run(site)  # the clock is right again
    assert len(keys(site)) == 99


def test_clock_set_back_forgets_no_frame_by_age(site: Installation) -> None:
    for number in range(3):
        frame(site, str(number), settled_at=NOW)
    assert run(site, NOW - 1000 * DAY).frames == 0


def test_alert_outlives_its_frame_and_is_deleted_with_its_picture(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    site.put_many(3)
    site.work(site.loop())
    site.configure(max_history_rows=1)
    before = site.alerts()
    assert run(site).frames == 2
    assert site.alerts() == before
    assert delete_alerts(site.runtime, [alert["id"] for alert in before]) == 3
    assert site.pictures("") == []


@pytest.mark.usefixtures("no_step")
def test_events_are_kept_for_a_month_and_the_installed_event_for_ever(site: Installation) -> None:
    happened = [
        events.Event(NOW - days * DAY, kind, "s", quoted("t"))
        for days, kind in ((900, "installed"), (31, "old"), (29, "young"), (0, "now"))
    ]
    with site.runtime.db.write() as conn:
        events.add(conn, happened)
    assert run(site).events == 1
    kinds = [row["kind"] for row in site.rows("SELECT kind FROM events ORDER BY id")]
    assert [kind for kind in kinds if kind != "installed"] == ["young", "now"]
    assert "installed" in kinds


def test_events_beyond_the_limit_are_forgotten(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "MOST_LOG_ROWS", 10)
    happened = [events.Event(NOW, "breaker_open", str(n), quoted("t")) for n in range(1300)]
    with site.runtime.db.write() as conn:
        events.add(conn, [events.Event(NOW, "installed", "", quoted("")), *happened])
    assert run(site).events == 1290
    subjects = site.rows("SELECT subject FROM events WHERE kind <> 'installed' ORDER BY id")
    assert [row["subject"] for row in subjects] == [str(n) for n in range(1290, 1300)]


@pytest.mark.usefixtures("no_step")
def test_ringing_alarms_are_kept_and_old_ended_alarms_are_forgotten(site: Installation) -> None:
    for kind, over_at in (("old", NOW - 91 * DAY), ("rings", None), ("young", NOW - 89 * DAY)):
        site.execute(
            "INSERT INTO alarms (kind, subject, cause, raised_at, told_at, over_at)"
            " VALUES (:kind, '', '', 1, 1, :over_at)",
            kind=kind,
            over_at=over_at,
        )
    assert run(site).alarms == 1
    left = site.rows("SELECT kind FROM alarms ORDER BY id")
    assert [row["kind"] for row in left] == ["rings", "young"]


def test_processes_silent_for_a_day_and_old_statistics_are_forgotten(site: Installation) -> None:
    with site.runtime.db.write() as conn:
        for pid, at in ((1, NOW - 2 * DAY), (2, NOW - DAY / 2), (3, NOW)):
            processes.beat(conn, "worker", "here", pid, at)
        for at in (NOW - 2 * 3600, NOW, NOW + 900 * DAY):
            statistics.add(conn, {TYPE: Tally(found=1)}, at)
    report = run(site)
    assert (report.processes, report.statistics) == (1, 2)
    assert [row["pid"] for row in site.rows("SELECT pid FROM processes ORDER BY pid")] == [2, 3]
    with site.runtime.db.read() as conn:
        assert statistics.total(conn)[0].found == 3


def test_alerts_beyond_max_alerts_in_db_are_deleted_with_their_pictures(
    site: Installation, algorithm: AlgorithmStub, caplog: pytest.LogCaptureFixture
) -> None:
    site.register(algorithm)
    site.put_many(5)
    site.work(site.loop())
    newest = site.alerts()[-2:]
    site.configure(max_alerts_in_db=2)
    with caplog.at_level("INFO"):
        assert run(site).alerts == 3
    assert site.alerts() == newest
    assert site.pictures("") == sorted(alert["image_path"] for alert in newest)
    assert "max_alerts_in_db is reached: count=3" in caplog.text
    assert run(site).alerts == 0


def alert(site: Installation, task_id: str, published_at: float | None = 0.0) -> None:
    """Insert an alert without a picture."""
    site.execute(
        "INSERT INTO alerts (task_id, task_type, image_path, algorithm_id, algorithm_name, result,"
        " confidence, detection_count, inference_time_ms, created_at, updated_at, published_at)"
        " VALUES (:task_id, 't', '', 'a', 'a', '{}', 1, 1, 1, 1, 1, :published_at)",
        task_id=task_id,
        published_at=published_at,
    )


def test_system_alerts_and_camera_alerts_are_limited_separately(site: Installation) -> None:
    site.configure(max_alerts_in_db=2)
    for task_id in ("system", "c", "system", "c", "c", "c", "c", "system"):
        alert(site, task_id)
    assert run(site).alerts == 4
    assert [row["id"] for row in site.alerts()] == [3, 6, 7, 8]


def test_upkeep_trims_1800_alerts_in_a_single_run(site: Installation) -> None:
    for _ in range(1810):
        alert(site, "c")
    site.configure(max_alerts_in_db=10)
    assert run(site).alerts == 1800


def test_alerts_without_a_limit_are_kept(site: Installation) -> None:
    site.configure(max_alerts_in_db=0)
    for _ in range(3):
        alert(site, "c")
    assert run(site).alerts == 0


@pytest.mark.parametrize(("bus", "left"), [("kafka", [1, 4, 5]), ("none", [4, 5])])
def test_alerts_waiting_for_the_bus_are_never_trimmed(
    site: Installation, bus: str, left: list[int]
) -> None:
    site.configure(max_alerts_in_db=2, mq_type=bus, mq_address="127.0.0.1:9")
    for published_at in (None, NOW, 0.0, None, NOW):
        alert(site, "c", published_at)
    run(site)
    assert [row["id"] for row in site.alerts()] == left


def test_store_failure_keeps_alerts_and_upkeep_does_the_rest(site: Installation) -> None:
    site.configure(max_alerts_in_db=1, max_history_rows=1)
    for number in range(3):
        alert(site, "c")
        frame(site, str(number))
    site.snapshots.rename(site.folder / "elsewhere")
    with pytest.raises(StoreUnavailableError):
        run(site)
    assert (len(site.alerts()), len(site.frames())) == (3, 1)


def test_upkeep_run_ends_when_its_time_is_up(site: Installation) -> None:
    site.configure(max_history_rows=1)
    for number in range(3):
        frame(site, str(number))
    began = time.monotonic()
    assert upkeep.run(site.runtime, lambda: NOW, budget_sec=0.0).frames == 0
    assert time.monotonic() - began < 10
    assert run(site).frames == 2


def test_upkeep_ticks_of_many_beats_make_a_single_recorded_run(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(celery_settings(site.runtime.settings))
    app.worker_process = WorkerProcess(app)
    monkeypatch.setattr(app.worker_process, "runtime", lambda: site.runtime)
    run_task = app.tasks[periodic.upkeep.name]
    site.configure(max_history_rows=1)
    for number in range(3):
        frame(site, str(number))
    assert run_task() == {"frames": 2}
    assert "skipped" in run_task()
    with site.runtime.db.read() as conn:
        assert leases.all_leases(conn)["upkeep"].done_at > 0
    route = celery_settings(site.runtime.settings)["task_routes"][UPKEEP_TASK]
    assert route["queue"] == CONTROL_QUEUE


def test_upkeep_merges_the_counts_of_alerts(site: Installation) -> None:
    with site.runtime.db.write() as conn:
        for id_ in (1, 2, 3):
            values = {"task_id": "c", "task_type": TYPE, "created_at": 1.0}
            insert(conn, id=id_, detection_count=id_, **values)
    delete_alerts(site.runtime, [2])
    run(site)
    kept = "SELECT part, detection_count, alerts FROM alert_counts WHERE of_all = 1"
    counts = sorted(tuple(row.values()) for row in site.rows(kept))
    assert counts == [(0, 1, 1), (0, 3, 1)]


def test_camera_of_a_clock_that_was_ahead_is_forgotten_and_listed_again_by_its_next_frame(
    site: Installation,
) -> None:
    settled = {("c1", TYPE, "alert"): 1}
    with site.runtime.db.write() as conn:
        camera_hours.add(conn, settled, NOW + 2 * DAY)
        assert camera_hours.trim(conn, NOW, 10) == 2  # of each table
        assert camera_hours.types(conn, 0, 10) == {}
        camera_hours.add(conn, settled, NOW)
        assert camera_hours.trim(conn, NOW, 10) == 0
        assert camera_hours.types_of(conn, "c1", camera_hours.hour_of(NOW)) == {TYPE}


def test_old_hours_of_many_cameras_are_deleted_in_short_transactions(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "CHUNK", 10)
    cameras = {(f"c{number}", TYPE, "alert"): 1 for number in range(25)}
    with site.runtime.db.write() as conn:
        camera_hours.add(conn, cameras, NOW - 8 * DAY)
        camera_hours.add(conn, cameras, NOW)
        camera_hours.add(conn, {("gone", TYPE, "alert"): 1}, NOW - 8 * DAY)
        assert camera_hours.trim(conn, NOW, 10) == 11  # and the type of the camera that is gone
    assert run(site).dashboard == 16
    with site.runtime.db.read() as conn:
        assert len(camera_hours.types(conn, 0, 100)) == 25
