"""The system: processes, queues, disks, database, bus, versions, settings in force, audit log."""

from __future__ import annotations

import platform
import socket
from dataclasses import asdict
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Query, Request

from easyai.api.access import Caller, CallerPart, OperatorPart, is_forwarded, viewer
from easyai.api.gates import READS, behind
from easyai.api.parts import RuntimePart
from easyai.api.routes.diagnosis_routes import LangQuery
from easyai.dashboard.alert_choice import Id
from easyai.db import alerts, audit, clock, frame_counts, outbox, revision, space
from easyai.domain.frame import FrameState
from easyai.health import process_facts
from easyai.health.checks.disk import disks
from easyai.health.process_facts import ProcessFacts
from easyai.messages.catalogue import ENGLISH, text
from easyai.process.presence import SILENT_AFTER_SEC
from easyai.runtime import Runtime
from easyai.settings import source, values_in_force
from easyai.system.ip_addresses import canonical_address, is_loopback
from easyai.version import version

router = APIRouter(prefix="/dashboard", dependencies=[Depends(viewer)], include_in_schema=False)

_ACTIONS: Final = 50
_QUEUES: Final = {
    "waiting": FrameState.PENDING,
    "leased": FrameState.LEASED,
    "parked": FrameState.PARKED,
    "failed": FrameState.FAILED,
}
_FLOWER_PORT: Final = 5555
_FLOWER_SEC: Final = 0.2  # for a port of this machine


@router.get("/system")
@behind(READS)
def system(request: Request, caller: CallerPart, runtime: RuntimePart) -> dict[str, Any]:
    """What easyai is made of here, and how much of it is in use.

    A type with `counted_up_to` frames in a queue may have more.
    """
    with runtime.db.read() as conn:
        now = clock.now(conn)
        processes = process_facts.read(conn, runtime, now)
        queues = {name: frame_counts.by_type(conn, state) for name, state in _QUEUES.items()}
        of_cameras, of_system = alerts.counts(conn)
        backlog = outbox.backlog(conn)
        schema = revision.revision(conn)
    return {
        "at": now,
        "versions": {"easyai": version(), "python": platform.python_version(), "schema": schema},
        "processes": [_process(process, now) for process in processes],
        "queues": {name: counts.by_type for name, counts in queues.items()},
        "counted_up_to": {name: counts.most for name, counts in queues.items()},
        "alerts": {"cameras": of_cameras, "system": of_system},
        "disks": [_disk(number, disk) for number, disk in enumerate(disks(runtime.settings))],
        "database": _database(runtime),
        "bus": _bus(runtime, backlog),
        "flower_url": _flower_of_settings(request, runtime) or _flower(request, caller),
    }


@router.get("/system/settings")
@behind(READS)
def settings_in_force(operator: OperatorPart, runtime: RuntimePart) -> dict[str, Any]:
    """Every setting in force in this process, and where it comes from; secrets are hidden."""
    values = values_in_force.effective_values(runtime.settings, source.variables())
    return {"values": [value._asdict() for value in values]}


@router.get("/audit")
@behind(READS)
def audit_log(
    operator: OperatorPart,
    runtime: RuntimePart,
    before: Annotated[Id, Query()] = None,
    lang: LangQuery = ENGLISH,
) -> dict[str, Any]:
    """What operators did, newest first. A part may be short, or empty, before the last."""
    with runtime.db.read() as conn:
        found, end = audit.page(conn, _ACTIONS, before)
    items = [
        {"id": each.id, "at": each.at, "action": each.action, "text": text(each.reason, lang)}
        for each in found
    ]
    return {"items": items, "next": end}


def _flower_of_settings(request: Request, runtime: Runtime) -> str | None:
    """The address of Flower in the settings.

    None for an address on loopback unless the browser has named loopback itself: the link would
    lead to the machine of who reads the page. A gateway may send any Host.
    """
    url = runtime.settings.easyai.flower_url
    if not url or not _is_loopback_name(urlsplit(url).hostname or ""):
        return url or None
    is_here = _is_loopback_name(request.url.hostname or "") and not is_forwarded(request.scope)
    return url if is_here else None


def _is_loopback_name(host: str) -> bool:
    return is_loopback(host) or host == "localhost"


def _flower(request: Request, caller: Caller) -> str | None:
    """The address of Flower at the Host of the request, if it answers there.

    That is known only where the Host is the address of this machine that the sender has reached. By
    default Flower listens on loopback alone, where no sender elsewhere reaches it.
    """
    host = canonical_address((request.scope.get("server") or ("",))[0])
    if not host or is_forwarded(request.scope) or (is_loopback(host) and not caller.local):
        return None
    named = request.url.hostname or ""
    if not (_is_loopback_name(named) if is_loopback(host) else canonical_address(named) == host):
        return None
    try:
        socket.create_connection((host, _FLOWER_PORT), _FLOWER_SEC).close()
    except OSError:
        return None
    return f"http://{f'[{named}]' if ':' in named else named}:{_FLOWER_PORT}/"


def _process(process: ProcessFacts, now: float) -> dict[str, Any]:
    silent_sec = max(0.0, now - process.beat_at)
    lives = silent_sec <= SILENT_AFTER_SEC and not process.ended
    return {
        "name": process.name,
        "kind": process.kind,
        "pid": process.pid,
        "started_at": process.started_at,
        "beat_at": process.beat_at,
        "state": "working" if lives else "ended" if process.ended else "silent",
        "clock_offset_sec": round(process.clock_offset_sec, 3),
    }


def _disk(number: int, disk: Any) -> dict[str, Any]:
    # No path: anybody may look where viewers are open.
    values = asdict(disk) | {"folder": "frames" if number else "data"}
    return {name: value for name, value in values.items() if name != "free_files_percent"}


def _database(runtime: Runtime) -> dict[str, Any]:
    """`size_bytes` is what the database takes on the disk, with the log and the free space.

    PostgreSQL's log belongs to all databases of its server: there the size is without it, and log
    and free space are None.
    """
    used = space.space(runtime.db)
    if not runtime.db.is_sqlite:
        return {
            "kind": "postgresql",
            "size_bytes": used.size,
            "log_bytes": None,
            "free_bytes": None,
        }
    file = space.file_of(runtime.db)
    # `used.size` has the pages that are only in the log, which would count twice.
    in_file = file.stat().st_size if file else used.size
    return {
        "kind": "sqlite",
        "size_bytes": in_file + used.log,
        "log_bytes": used.log,
        "free_bytes": used.free,
    }


def _bus(runtime: Runtime, backlog: Any) -> dict[str, Any]:
    analysis = runtime.settings.ai_analysis
    return {
        "type": analysis.mq_type if analysis.has_bus else None,
        "topic": analysis.mq_topic if analysis.has_bus else None,
        "waiting": backlog.waiting,
        "oldest_at": backlog[1],
    }
