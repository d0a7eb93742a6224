"""The SQL of the services that may be called: online or suspect, whatever their breakers' state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, text

from easyai.db.services import breaker_of
from easyai.domain.service import Candidate, ServiceState

_COLUMNS = """
    SELECT pk, service_id, name, endpoint, state, max_concurrency, ewma_ms, call_count,
           breaker_failures, breaker_open_until, breaker_pause_sec, concurrency_cap
      FROM services WHERE state IN ('online', 'suspect')
"""
_TYPES = """
    SELECT service_pk, task_type
      FROM service_task_types JOIN services ON services.pk = service_task_types.service_pk
     WHERE state IN ('online', 'suspect')
"""
_ALL = text(_COLUMNS)
_ALL_TYPES = text(f"{_TYPES} ORDER BY task_type")
_THESE = text(f"{_COLUMNS} AND pk IN :pks").bindparams(bindparam("pks", expanding=True))
_TYPES_OF_THESE = text(f"{_TYPES} AND pk IN :pks ORDER BY task_type").bindparams(
    bindparam("pks", expanding=True)
)
_CALLS = text("""
    SELECT pk, ewma_ms, call_count FROM services WHERE state IN ('online', 'suspect')
""")
_OF_TYPE = text(f"""
    SELECT pk FROM ({_COLUMNS}) AS routable
      JOIN service_task_types ON service_pk = pk WHERE task_type = :task_type ORDER BY pk
""")  # noqa: S608


def load(conn: Connection) -> list[Candidate]:
    """Every service that may be called."""
    return _candidates(conn.execute(_ALL).all(), conn.execute(_ALL_TYPES).all())


def load_these(conn: Connection, pks: Sequence[int]) -> list[Candidate]:
    """The given services (by pk) that may be called."""
    values = {"pks": pks}
    return _candidates(conn.execute(_THESE, values), conn.execute(_TYPES_OF_THESE, values))


def calls(conn: Connection) -> list[tuple[int, float | None, int]]:
    """The results of the calls of all processes, for every service that may be called.

    Returns (pk, latency in ms, number of calls).
    """
    return [(row[0], row[1], row[2]) for row in conn.execute(_CALLS).all()]


def of_type(conn: Connection, task_type: str) -> list[int]:
    """The pks of the services of a type that may be called."""
    return list(conn.execute(_OF_TYPE, {"task_type": task_type}).scalars())


def _candidates(rows: Iterable[Any], types: Iterable[Any]) -> list[Candidate]:
    by_pk: dict[int, list[str]] = {}
    for pk, task_type in types:
        by_pk.setdefault(pk, []).append(task_type)
    return [
        Candidate(
            pk=row.pk,
            endpoint=row.endpoint,
            service_id=row.service_id,
            name=row.name,
            suspect=row.state == ServiceState.SUSPECT,
            ewma_ms=row.ewma_ms,
            call_count=row.call_count,
            breaker=breaker_of(row),
            cap=row.concurrency_cap,
            max_concurrency=row.max_concurrency,
            task_types=tuple(by_pk.get(row.pk, ())),
        )
        for row in rows
    ]
