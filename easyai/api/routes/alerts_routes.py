"""The list, the details and the deletion of alerts (contract, sections 3 and 5)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path

from easyai.api import schemas, schemas_alerts
from easyai.api.access import OperatorPart, viewer
from easyai.api.alert_query import Before, Page, PageSize, alert_filter
from easyai.api.gates import CHANGES, LISTS, READS, behind
from easyai.api.json_body import JsonBody
from easyai.api.parts import RuntimePart, documented_body
from easyai.api.picture_links import PictureLinks, PictureLinksPart
from easyai.api.schemas import errors
from easyai.api.schemas_alerts import LARGEST_ID
from easyai.db import alert_lists, alerts
from easyai.db.alert_filter import AlertFilter
from easyai.db.alerts import AlertRow
from easyai.domain.alert import alert_json
from easyai.domain.numbers import as_integer
from easyai.errors import AlertNotFoundError, BadRequestError
from easyai.pipeline.alert_removal import delete_alerts

router = APIRouter(prefix="/alerts", tags=["alerts"], dependencies=[Depends(viewer)])

_MOST_IDS = 1000
AlertId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
Filter = Annotated[AlertFilter, Depends(alert_filter)]


@router.get(
    "",
    response_model=schemas_alerts.AlertPage,
    response_model_exclude_unset=True,
    responses=errors(400, 503),
)
@behind(LISTS)
def list_alerts(
    runtime: RuntimePart,
    links: PictureLinksPart,
    wanted: Filter,
    page: Page = 1,
    page_size: PageSize = 20,
    before: Before = None,
) -> dict[str, Any]:
    """Alerts, newest first: a page, or with `before` the alerts that follow in the list.

    New and deleted alerts move pages. They move nothing in a list that is read with `before`: from
    the first page on, each call has the id of the last alert of the call before.
    """
    offset = 0 if before else (page - 1) * page_size
    with runtime.db.snapshot() as conn:
        found = alert_lists.page(conn, wanted, page_size, offset, before=before)
    listed = {"items": [_as_json(row, links) for row in found.rows], "total": found.total}
    # An answer to a client that knows only pages has only the fields of the contract.
    return listed | {"next": found.next} if before else listed


@router.get("/task_ids", response_model=schemas_alerts.TaskIds, responses=errors(503))
@behind(LISTS)
def task_ids(runtime: RuntimePart) -> dict[str, Any]:
    """The cameras that have alerts."""
    with runtime.db.read() as conn:
        return {"task_ids": alert_lists.task_ids(conn)}


@router.post(
    "/batch_delete",
    response_model=schemas_alerts.Deleted,
    responses=errors(400, 403, 413, 503),
    openapi_extra=documented_body(schemas_alerts.AlertIds),
)
@behind(CHANGES)
def batch_delete(operator: OperatorPart, runtime: RuntimePart, payload: JsonBody) -> dict[str, Any]:
    """Delete alerts and their pictures; alerts that are gone already are not counted.

    A call from another machine needs the operator's token.
    """
    return {"ok": True, "deleted_count": delete_alerts(runtime, _ids(payload), by=operator)}


@router.get("/{id}", response_model=schemas_alerts.OneAlert, responses=errors(400, 404, 503))
@behind(READS)
def get_alert(
    runtime: RuntimePart,
    links: PictureLinksPart,
    id: AlertId,  # noqa: A002
) -> dict[str, Any]:
    """One alert."""
    with runtime.db.read() as conn:
        row = alerts.get(conn, id)
    if row is None:
        raise AlertNotFoundError
    return {"alert": _as_json(row, links)}


@router.delete("/{id}", response_model=schemas.Done, responses=errors(400, 403, 503))
@behind(CHANGES)
def delete_alert(
    operator: OperatorPart,
    runtime: RuntimePart,
    id: AlertId,  # noqa: A002
) -> dict[str, Any]:
    """Delete an alert and its picture; succeeds also when the alert is gone already.

    A call from another machine needs the operator's token.
    """
    delete_alerts(runtime, [id], by=operator)
    return {"ok": True}


def _as_json(row: AlertRow, links: PictureLinks) -> dict[str, Any]:
    return alert_json(row._asdict(), links.to(row.image_path))


def _ids(payload: Any) -> list[int]:
    ids = payload.get("ids") if isinstance(payload, dict) else None
    if not isinstance(ids, list) or not ids:
        raise BadRequestError('ids: required; send a list of alert ids: {"ids": [1, 2]}')
    if len(ids) > _MOST_IDS:
        raise BadRequestError(f"ids: at most {_MOST_IDS} at once, not {len(ids)}")
    checked = []
    for item in ids:
        number = as_integer(item)
        if number is None or not 1 <= number <= LARGEST_ID:
            raise BadRequestError(f"ids: must hold positive integers, not {repr(item)[:40]}")
        checked.append(number)
    return checked
