"""The curves of the task types, and the strips of the services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query

from easyai.api.access import viewer
from easyai.api.gates import READS, behind
from easyai.api.parts import RuntimePart
from easyai.dashboard.curves import RANGES, curves
from easyai.db import clock, flow_history, service_history

router = APIRouter(prefix="/dashboard", dependencies=[Depends(viewer)], include_in_schema=False)

if TYPE_CHECKING:
    RangeName = str
else:
    RangeName = Literal[tuple(RANGES)]
Range = Annotated[RangeName, Query(alias="range")]


@router.get("/history")
@behind(READS)
def history(runtime: RuntimePart, span: Range = "1h") -> dict[str, Any]:
    """The curves of every task type that had frames in the range."""
    length_sec, step_sec = RANGES[span]
    with runtime.db.read() as conn:
        # The present step is not over.
        until = int(clock.now(conn)) // step_sec * step_sec
        rows = flow_history.since(conn, step_sec, until - length_sec)
    return curves(rows, until - length_sec, step_sec, length_sec // step_sec)


@router.get("/strips")
@behind(READS)
def strips(runtime: RuntimePart, span: Range = "1h") -> dict[str, Any]:
    """The states of every service in the range."""
    with runtime.db.read() as conn:
        until = clock.now(conn)
        changes = service_history.read(conn, until - RANGES[span][0], until)
    # Thousands of events: other requests need the connection meanwhile.
    services = service_history.strips(changes)
    return {"from": changes.since, "to": until, "services": services}
