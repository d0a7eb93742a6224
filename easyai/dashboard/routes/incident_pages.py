"""Incidents: alarms of the past and the present, and what people do about them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query
from sqlalchemy import Connection

from easyai.api.access import OperatorPart, viewer
from easyai.api.gates import CHANGES, READS, behind
from easyai.api.json_body import JsonBody
from easyai.api.parts import RuntimePart
from easyai.api.routes.diagnosis_routes import LangQuery
from easyai.api.schemas_alerts import LARGEST_ID
from easyai.dashboard import incident_items, strict_bodies
from easyai.dashboard.alert_choice import Id
from easyai.dashboard.people import person
from easyai.db import audit, clock, incidents, mutes
from easyai.db.incidents import Note
from easyai.domain.alarm import AlarmKind
from easyai.domain.mute import Mute, Scope
from easyai.domain.numbers import as_integer
from easyai.domain.reason import Reason
from easyai.domain.unicode_form import nfc
from easyai.errors import BadRequestError, EasyaiError
from easyai.messages.catalogue import ENGLISH

router = APIRouter(prefix="/dashboard", dependencies=[Depends(viewer)], include_in_schema=False)

_PAGE: Final = 50
_MOST_NOTES: Final = 200  # of an alarm
_LONGEST_NOTE: Final = 2000  # characters
_LONGEST_NAME: Final = 500
_MOST_MUTES: Final = 200  # in force
_LONGEST_MUTE_SEC: Final = 30 * 86_400
AlarmId = Annotated[int, Path(ge=1, le=LARGEST_ID)]


class IncidentNotFoundError(EasyaiError):
    """incident not found"""

    http_status = 404


class MuteNotFoundError(EasyaiError):
    """mute not found"""

    http_status = 404


@router.get("/incidents")
@behind(READS)
def list_incidents(
    runtime: RuntimePart, before: Annotated[Id, Query()] = None, lang: LangQuery = ENGLISH
) -> dict[str, Any]:
    """Alarms, newest first; the first part begins with all that ring. And the mutes in force."""
    with runtime.db.read() as conn:
        rows = incidents.page(conn, _PAGE, before)
        ringing = [] if before else incidents.ringing(conn)
        notes = incidents.notes(conn, [row.id for row in (*ringing, *rows)])
        muted = mutes.active(conn, clock.now(conn))
    first = {row.id for row in ringing}
    shown = [*reversed(ringing), *(row for row in rows if row.id not in first)]
    return {
        "items": [incident_items.item(row, notes.get(row.id, ()), muted, lang) for row in shown],
        "next": rows[-1].id if len(rows) == _PAGE else None,
        "mutes": [_mute_item(mute) for mute in muted],
    }


@router.get("/incidents/{id}")
@behind(READS)
def get_incident(
    runtime: RuntimePart,
    id: AlarmId,  # noqa: A002
    lang: LangQuery = ENGLISH,
) -> dict[str, Any]:
    """An alarm with its report in Markdown, as it was written when the alarm began."""
    with runtime.db.read() as conn:
        row = incidents.get(conn, id)
        if row is None:
            raise IncidentNotFoundError
        notes = incidents.notes(conn, [id]).get(id, ())
        reports = incidents.reports(conn, id)
        muted = mutes.active(conn, clock.now(conn))
    report = reports.get(lang) or reports.get(ENGLISH)
    return incident_items.item(row, notes, muted, lang) | {"report": report}


@router.post("/incidents/{id}/acknowledge")
@behind(CHANGES)
def acknowledge(
    operator: OperatorPart,
    runtime: RuntimePart,
    id: AlarmId,  # noqa: A002
) -> dict[str, Any]:
    """Record that the caller knows of an alarm; the first person counts."""
    with runtime.db.write() as conn:
        if incidents.acknowledge(conn, id, person(operator), clock.now(conn)):
            row = incidents.get(conn, id)
            done = Reason.of("action.alarm_acknowledged", alarm=_named(row))
            audit.note(conn, operator, "acknowledge", done)
        row = incidents.get(conn, id)
    if row is None:
        raise IncidentNotFoundError
    return {"acknowledged": {"by": row.acknowledged_by, "at": row.acknowledged_at}}


@router.post("/incidents/{id}/notes")
@behind(CHANGES)
def add_note(
    operator: OperatorPart,
    runtime: RuntimePart,
    id: AlarmId,  # noqa: A002
    payload: JsonBody,
) -> dict[str, Any]:
    """Add a note to an alarm."""
    words = strict_bodies.words(strict_bodies.fields(payload, ("text",)), "text", _LONGEST_NOTE)
    with runtime.db.write() as conn:
        row = incidents.get(conn, id)
        if row is None:
            raise IncidentNotFoundError
        if incidents.count_notes(conn, id) >= _MOST_NOTES:
            raise BadRequestError(f"text: an incident has at most {_MOST_NOTES} notes")
        note = Note(person(operator), clock.now(conn), words)
        incidents.add_note(conn, id, note)
        audit.note(conn, operator, "note", Reason.of("action.alarm_noted", alarm=_named(row)))
    return note._asdict()


@router.post("/mutes")
@behind(CHANGES)
def mute(operator: OperatorPart, runtime: RuntimePart, payload: JsonBody) -> dict[str, Any]:
    """Do not notify people of some alarms for a while; log, bus and page show them as before."""
    scope, value, for_sec = _read_mute(payload)
    with runtime.db.write() as conn:
        if scope is Scope.INCIDENT:
            _check_rings(conn, int(value))
        now = clock.now(conn)
        if len(mutes.active(conn, now)) >= _MOST_MUTES:
            raise BadRequestError(f"scope: at most {_MOST_MUTES} mutes are in force; end some")
        made = Mute(scope, value, now + for_sec, person(operator), now)
        number = mutes.add(conn, made)
        done = Reason.of("action.muted", scope=str(scope), value=value, for_sec=for_sec)
        audit.note(conn, operator, "mute", done)
    return {"id": number, "until": made.until}


@router.delete("/mutes/{id}")
@behind(CHANGES)
def unmute(
    operator: OperatorPart,
    runtime: RuntimePart,
    id: AlarmId,  # noqa: A002
) -> dict[str, Any]:
    """End a mute."""
    with runtime.db.write() as conn:
        ended = [each for each in mutes.active(conn, clock.now(conn)) if each.id == id]
        if not ended or not mutes.delete(conn, id):
            raise MuteNotFoundError
        done = Reason.of("action.unmuted", scope=str(ended[0].scope), value=ended[0].value)
        audit.note(conn, operator, "unmute", done)
    return {"ok": True}


def _read_mute(payload: Any) -> tuple[Scope, str, float]:
    body = strict_bodies.fields(payload, ("scope", "value", "for_sec"))
    if body.get("scope") not in list(Scope):
        raise BadRequestError(f"scope: send {', '.join(Scope)}")
    scope, given = Scope(body["scope"]), body.get("value")
    if scope is Scope.INCIDENT:
        number = as_integer(given)
        if number is None or not 1 <= number <= LARGEST_ID:
            raise BadRequestError("value: send the id of the incident")
        value = str(number)
    else:
        value = nfc(strict_bodies.words(body, "value", _LONGEST_NAME))
        if scope is Scope.KIND and value not in list(AlarmKind):
            raise BadRequestError(f"value: there are the kinds {', '.join(AlarmKind)}")
    for_sec = as_integer(body.get("for_sec"))
    if for_sec is None or not 1 <= for_sec <= _LONGEST_MUTE_SEC:
        raise BadRequestError(f"for_sec: send 1 to {_LONGEST_MUTE_SEC} seconds")
    return scope, value, float(for_sec)


def _check_rings(conn: Connection, number: int) -> None:
    row = incidents.get(conn, number)
    if row is None:
        raise IncidentNotFoundError
    if row.over_at is not None:
        raise BadRequestError("value: the incident is over; only an incident that rings is muted")


def _mute_item(mute: Mute) -> dict[str, Any]:
    return {
        "id": mute.id,
        "scope": mute.scope,
        "value": mute.value,
        "until": mute.until,
        "by": mute.by,
        "at": mute.at,
    }


def _named(row: Any) -> str:
    return f"{row.kind} {row.subject}".strip()[:_LONGEST_NAME]
