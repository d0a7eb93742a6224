"""Every read of every page of the dashboard, with the choices that cost most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from bench.pages_ledger import BUSY, MONTH_SEC, QUIET, RARE, WEEK_SEC
from easyai.dashboard.curves import RANGES
from easyai.db import alert_lists, camera_pictures, incidents
from easyai.db.alert_filter import AlertFilter
from easyai.runtime import Runtime

#: Not of a page when it opens: asked for after the list, where it has no total, in parts.
COUNTS: Final = "(counts)"
#: Not of a page: each is a request of its own, and the browser keeps it.
PICTURES: Final = "(pictures)"
#: Not of a page: the gallery asks for a day.
LONGER: Final = "(longer)"
#: Not of a page: people ask for the preview of a change, and wait for it.
PREVIEWS: Final = "(previews)"


class Read(NamedTuple):
    """A request of a page; a page makes a read of each of its parts when it opens."""

    page: str
    part: str
    name: str
    path: str
    given: Mapping[str, Any] = {}
    method: str = "GET"


def reads(runtime: Runtime) -> list[Read]:
    """Every read of every page; reads the ids of the newest alerts and frames."""
    with runtime.db.read() as conn:
        alert = alert_lists.page(conn, AlertFilter(), 1).rows[0]
        frame = camera_pictures.newest_frame(conn, QUIET)
        incident = incidents.page(conn, 1)[0].id
    since = alert.created_at - 86_400
    oldest = max(2, alert.id // 2)
    return [
        *_now(),
        *_alerts(oldest, since),
        *_histograms(),
        Read("Alerts", "sizes", "of 100 pictures", "/alerts/sizes", _ids(alert.id)),
        *_alert(alert.id, oldest),
        Read("Cameras", "list", "all", "/cameras"),
        Read("Camera", "camera", "60 % of all alerts", f"/cameras/{BUSY}"),
        Read("Camera", "camera", "few alerts", f"/cameras/{QUIET}"),
        *_frames(frame.found_at if frame else since),
        Read("Incidents", "list", "newest", "/incidents"),
        Read("Incidents", "list", "next part", "/incidents", {"before": incident}),
        Read("Incidents", "incident", "with report", f"/incidents/{incident}"),
        Read("System", "system", "all", "/system"),
        Read("System", "settings", "all", "/system/settings"),
        Read("System", "audit log", "newest", "/audit"),
        Read("System", "audit log", "next part", "/audit", {"before": 60_000}),
        Read(PICTURES, "picture", "thumbnail", f"/thumbnails/alerts/{alert.id}"),
        Read(PICTURES, "picture", "whole", f"/pictures/alerts/{alert.id}"),
        *_previews(alert.id),
    ]


def _now() -> Iterator[Read]:
    for name in RANGES:
        yield Read("Now", "curves", name, "/history", {"range": name})
        yield Read("Now", "strips", name, "/strips", {"range": name})


def _alerts(oldest: int, since: float) -> Iterator[Read]:
    type_, rare, busy, quiet = (
        {"task_type": "type-10"}, {"task_type": RARE}, {"task_id": BUSY}, {"task_id": QUIET},
    )  # fmt: skip
    service, nobody = {"algorithm_id": "service-7"}, {"algorithm_id": "nobody"}
    score, no_score = {"min_confidence": 0.8}, {"min_confidence": 2}
    marked, unmarked = {"reviewed": "yes"}, {"reviewed": "no"}
    choices: dict[str, dict[str, Any]] = {
        "all": {},
        "older half": {"before": oldest},
        "type": type_,
        "rare type": rare,
        "camera of 60 %": busy,
        "camera of 60 %, older half": busy | {"before": oldest},
        "camera of few": quiet,
        "type, camera of 60 %": type_ | busy,
        "rare type, camera of few": rare | quiet,
        "a day": {"from": since},
        "a day, type, camera of 60 %": type_ | busy | {"from": since},
        "detections": {"min_detections": 5},
        "detections that none has": {"min_detections": 70},
        "service": service,
        "service of none": nobody,
        "service of none, type": nobody | type_,
        "service of none, camera of 60 %": nobody | busy,
        "score": score,
        "score of none": no_score,
        "score of none, type": no_score | type_,
        "score of none, rare type": no_score | rare,
        "score of none, camera of 60 %": no_score | busy,
        "score of none, a day": no_score | {"from": since},
        "reviewed": marked,
        "reviewed, rare type": marked | rare,
        "reviewed, rare type, camera of 60 %": marked | rare | busy,
        "not reviewed": unmarked,
        "not reviewed, camera of 60 %": unmarked | busy,
        "all filters": no_score | nobody | unmarked | type_ | busy | {"from": since},
    }
    for name, given in choices.items():
        yield Read("Alerts", "list", name, "/alerts", given | {"page_size": 100})
        if given.keys() & {"algorithm_id", "min_confidence", "reviewed"}:
            yield Read(COUNTS, "count", name, "/alerts/count", given)


def _histograms() -> Iterator[Read]:
    choices: dict[str, dict[str, Any]] = {
        "all": {},
        "rare type": {"task_type": RARE},
        "camera of 60 %": {"task_id": BUSY},
        "type, camera of 60 %, detections": {
            "task_type": "type-10", "task_id": BUSY, "min_detections": 5,
        },
        "service": {"algorithm_id": "nobody"},
        "score, camera of 60 %": {"min_confidence": 0.9, "task_id": BUSY},
        "not reviewed": {"reviewed": "no"},
    }  # fmt: skip
    for name, given in choices.items():
        for hours in (24, WEEK_SEC // 3600, MONTH_SEC // 3600):
            page = "Alerts" if hours == 24 else LONGER
            query = {**given, "hours": hours}
            yield Read(page, "histogram", f"{hours // 24} d, {name}", "/alerts/histogram", query)


def _alert(newest: int, oldest: int) -> Iterator[Read]:
    for name, number, given in (
        ("newest", newest, {}),
        ("old", oldest, {}),
        ("among a rare type", oldest, {"task_type": RARE}),
        ("among a camera of few", oldest, {"task_id": QUIET}),
    ):
        yield Read("Alert", "alert", name, f"/alerts/{number}", given)
    yield Read("Alert", "film", "around it", "/alerts", {"before": newest + 1, "page_size": 12})


def _frames(older: float) -> Iterator[Read]:
    choices: dict[str, dict[str, Any]] = {
        "all": {},
        "next part": {"before": f"{older}:9"},
        "type": {"task_type": "type-10"},
        "camera": {"task_id": QUIET},
        "camera of none": {"task_id": "nobody"},
        "type, camera": {"task_type": "type-10", "task_id": QUIET},
    }
    for state in ("failed", "parked"):
        for name, given in choices.items():
            yield Read("Frames", "list", f"{state}, {name}", "/frames", {"state": state, **given})


def _previews(newest: int) -> Iterator[Read]:
    dry = {"dry_run": True}
    chosen = {
        "all": {}, "camera of 60 %": {"task_id": BUSY}, "score of none": {"min_confidence": 2},
    }  # fmt: skip
    for name, given in chosen.items():
        body = {"filter": given, **dry}
        yield Read(PREVIEWS, "delete", f"delete, {name}", "/alerts/delete", body, "POST")
    ids = {"ids": list(range(max(1, newest - 99), newest + 1)), **dry}
    yield Read(PREVIEWS, "delete", "delete, 100 picked", "/alerts/delete", ids, "POST")
    for name, given in {"all": {}, "type": {"task_type": "type-10"}}.items():
        yield Read(PREVIEWS, "requeue", f"requeue, {name}", "/frames/requeue", given | dry, "POST")
    body = {"task_type": "type-10", **dry}
    yield Read(PREVIEWS, "discard", "discard, type", "/frames/discard", body, "POST")


def _ids(newest: int) -> dict[str, str]:
    return {"ids": ",".join(map(str, range(max(1, newest - 99), newest + 1)))}
