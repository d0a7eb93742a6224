"""Alerts for the gallery and the page of a single alert; reviewed marks; deletion."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query

from easyai.api.access import OperatorPart, viewer
from easyai.api.gates import CHANGES, LISTS, LONG_CHANGES, READS, behind
from easyai.api.json_body import JsonBody
from easyai.api.parts import RuntimePart
from easyai.api.schemas_alerts import LARGEST_ID
from easyai.dashboard import alert_items, alert_story, strict_bodies
from easyai.dashboard.alert_choice import HistogramQuery, ListQuery, choice_of
from easyai.dashboard.people import person
from easyai.dashboard.shown_json import shown
from easyai.dashboard.thumbnails import Thumbnails
from easyai.db import alert_histogram, alert_lists, alert_reviews, alert_search, alerts, clock
from easyai.errors import AlertNotFoundError, BadRequestError
from easyai.pipeline import alert_removal
from easyai.runtime import Runtime

router = APIRouter(
    prefix="/dashboard/alerts", dependencies=[Depends(viewer)], include_in_schema=False
)

_MOST_SIZES: Final = 100
_LIMIT_SEC: Final = 8.0  # of a deletion: others wait for 10 s at most
_PREVIEW_SEC: Final = 3.0
AlertId = Annotated[int, Path(ge=1, le=LARGEST_ID)]


@router.get("")
@behind(LISTS)
def list_alerts(runtime: RuntimePart, query: Annotated[ListQuery, Query()]) -> dict[str, Any]:
    """The next part of a list, newest first. A part may be short, or empty, before the last."""
    with runtime.db.snapshot() as conn:
        found = alert_search.page(conn, query.choice(), query.page_size, query.before)
        reviews = alert_reviews.of(conn, [row.id for row in found.rows])
    return {
        "items": alert_items.items(runtime, found.rows, reviews),
        "next": found.next,
        "total": found.total,
        "at_least": found.at_least,
    }


@router.get("/histogram")
@behind(LISTS)
def histogram(runtime: RuntimePart, query: Annotated[HistogramQuery, Query()]) -> dict[str, Any]:
    """The alerts of the last hours by time."""
    step_sec = query.hours * 3600 / query.steps
    with runtime.db.snapshot() as conn:
        # Whole steps: the bars stay, and the answer is the same for everybody.
        until = (clock.now(conn) // step_sec + 1) * step_sec
        since = until - query.steps * step_sec
        counted = alert_histogram.histogram(conn, query.choice(), since, step_sec, query.steps)
    return {
        "from": since,
        "step_sec": step_sec,
        "counts": counted.counts,
        "estimated": counted.estimated,
    }


@router.get("/count")
@behind(LISTS)
def count_alerts(runtime: RuntimePart, query: Annotated[ListQuery, Query()]) -> dict[str, Any]:
    """The alerts of the next part of a list, which may have none; `next` goes on, None is the end.

    For filters whose lists have no total. A part has at most 1,000 alerts.
    """
    with runtime.db.snapshot() as conn:
        counted = alert_search.count(conn, query.choice(), query.before)
    return {"count": counted.alerts, "next": counted.next}


@router.get("/sizes")
@behind(READS)
def sizes(runtime: RuntimePart, ids: str) -> dict[str, Any]:
    """The sizes of pictures in pixels that are known, such as after their thumbnail was made."""
    wanted = [int(part) for part in ids.split(",") if part.isdecimal() and len(part) < 16]
    if not 1 <= len(wanted) <= _MOST_SIZES:
        raise BadRequestError(f"ids: send 1 to {_MOST_SIZES} ids with commas between them")
    thumbnails = runtime.part(Thumbnails)
    with runtime.db.read() as conn:
        rows = alert_lists.rows(conn, sorted(set(wanted), reverse=True))
    found = thumbnails.sizes_of_alerts(rows)
    known = {str(row.id): size for row, size in zip(rows, found, strict=True)}
    return {"sizes": {number: size for number, size in known.items() if size}}


@router.get("/{id}")
@behind(READS)
def get_alert(
    runtime: RuntimePart,
    id: AlertId,  # noqa: A002
    query: Annotated[ListQuery, Query()],
) -> dict[str, Any]:
    """An alert, why it is an alert, and its neighbours in a list."""
    with runtime.db.snapshot() as conn:
        row = alerts.get(conn, id)
        if row is None:
            raise AlertNotFoundError
        reviews = alert_reviews.of(conn, [id])
        older, newer = alert_search.neighbours(conn, id, query.choice().plain)
        story = alert_story.of(conn, row)
    (item,) = alert_items.items(runtime, [row], reviews)
    config = shown(alert_story.algo_config(runtime, row))
    return {
        **item,
        "result": _result(row.result),
        **story,
        "algo_config": config,
        "previous": newer,
        "following": older,
    }


@router.put("/reviewed")
@behind(CHANGES)
def mark(operator: OperatorPart, runtime: RuntimePart, payload: JsonBody) -> dict[str, Any]:
    """Mark alerts as reviewed by the caller, or remove their marks."""
    body = strict_bodies.fields(payload, ("ids", "reviewed"))
    numbers, reviewed = strict_bodies.ids(body), strict_bodies.flag(body, "reviewed", None)
    with runtime.db.write() as conn:
        if reviewed:
            count = alert_reviews.mark(conn, numbers, person(operator), clock.now(conn))
        else:
            count = alert_reviews.unmark(conn, numbers)
    return {"count": count, "by": person(operator)}


@router.post("/delete")
@behind(LONG_CHANGES)
def delete(operator: OperatorPart, runtime: RuntimePart, payload: JsonBody) -> dict[str, Any]:
    """Delete alerts and their pictures, by ids or by filter; `dry_run` only counts.

    A deletion by filter deletes no alert newer than `up_to`, and ends after 8 s: while `left` is
    true, call again with `next` as `up_to`.
    """
    body = strict_bodies.fields(payload, ("ids", "filter", "dry_run", "up_to"))
    dry_run = strict_bodies.flag(body, "dry_run")
    if ("ids" in body) == ("filter" in body):
        raise BadRequestError("body: send either ids or filter")
    if "filter" in body:
        return _delete_by_filter(operator, runtime, body, dry_run)
    numbers = strict_bodies.ids(body)
    if dry_run:
        with runtime.db.read() as conn:
            return {"count": len(alert_lists.rows(conn, sorted(set(numbers), reverse=True)))}
    return {"count": alert_removal.delete_alerts(runtime, numbers, by=operator), "left": False}


def _delete_by_filter(
    operator: OperatorPart, runtime: Runtime, body: dict[str, Any], dry_run: bool
) -> dict[str, Any]:
    choice = choice_of(body["filter"])
    if dry_run:
        found = alert_removal.count_chosen(runtime, choice, _PREVIEW_SEC)
        return {"count": found.alerts, "up_to": found.newest, "left": found.left}
    (up_to,) = strict_bodies.ids({"ids": [body.get("up_to")]})
    done = alert_removal.delete_chosen(runtime, choice, up_to, _LIMIT_SEC, by=operator)
    place = max(0, (done.next or 0) - 1)
    return {"count": done.alerts, "left": place > 0} | ({"next": place} if place else {})


def _result(text: str) -> Any:
    try:
        return shown(json.loads(text))
    except (ValueError, RecursionError):
        return text
