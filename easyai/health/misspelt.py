"""Task types without a service whose name is close to the name of a type with services."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sqlalchemy import Connection

from easyai.db import discards
from easyai.domain.service import ServiceState
from easyai.health.service_facts import ServiceFacts
from easyai.health.type_facts import TypeFacts

_ALIKE: Final = 0.7  # a quarter of the characters may differ
_MOST: Final = 10  # types: hundreds without a service are no misspelling
_MOST_CAMERAS: Final = 20


@dataclass(frozen=True, slots=True)
class Misspelt:
    """The name that was probably meant for a folder."""

    meant: str
    cameras: tuple[str, ...]  # some of the cameras whose frames wait there


def read(
    conn: Connection,
    types: Iterable[TypeFacts],
    services: Iterable[ServiceFacts],
    named: Collection[str],
) -> Mapping[str, Misspelt]:
    """The misspelt types by name.

    A name in the settings (`named`), or in the registration of any service past or present, is not
    a misspelling.
    """
    by_services = [(service.state, name) for service in services for name in service.task_types]
    known = tuple(sorted({n for state, n in by_services if state != ServiceState.UNREGISTERED}))
    meant_so = {name for _, name in by_services} | set(named)
    wait = [
        task_type for task_type in types if task_type.waiting and task_type.name not in meant_so
    ]
    misspelt = {}
    for task_type in sorted(wait, key=lambda task_type: -task_type.waiting)[:_MOST]:
        meant = _closest(task_type.name, known)
        if meant:
            cameras = tuple(discards.cameras(conn, task_type.name, _MOST_CAMERAS))
            misspelt[task_type.name] = Misspelt(meant, cameras)
    return misspelt


@lru_cache(maxsize=256)
def _closest(name: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE)
    return close[0] if close else ""
