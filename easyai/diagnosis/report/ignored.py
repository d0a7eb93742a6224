"""The part of a report about an object store that ignores conditions such as If-None-Match."""

from __future__ import annotations

from typing import Final

from easyai.domain.reason import Reason
from easyai.store.condition_names import COPY, DELETE, PUT, TARGET

_WITHOUT: Final = {
    COPY: Reason("report.ignored_copy"),
    DELETE: Reason("report.ignored_delete"),
    TARGET: Reason("report.ignored_target"),
    PUT: Reason("report.ignored_put"),
}


def ignored(condition: str) -> Reason:
    """What may happen because the object store ignores this condition."""
    return Reason.of("report.store_ignores", condition=condition, what=_WITHOUT[condition])
