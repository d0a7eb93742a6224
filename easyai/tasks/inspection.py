"""``celery -A easyai inspect dispatcher``: the present work of a worker's dispatcher.

The consumer's thread answers from memory, so that neither a database that hangs nor slow services
hold up the answer. The size of the answer is bounded, whatever the number of types.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from celery.worker.control import inspect_command

from easyai.tasks.process import process_of

_MOST_NAMES: Final = 20


@inspect_command()  # type: ignore[untyped-decorator]
def dispatcher(state: Any, **_: Any) -> dict[str, Any]:
    """The inference of this worker: types, calls in flight, limits, last transaction, rates."""
    app = state.consumer.app
    process, queues = process_of(app), app.amqp.queues
    answer: dict[str, Any] = {"serves": _serves(queues)}
    overview = process.overview()
    if overview is None:
        return {**answer, "state": "stopping" if process.stopping else "not opened yet"}
    by_type = overview.pop("calls_by_type")
    return {
        **answer,
        "state": "stopping" if process.stopping else "working",
        **overview,
        "calls_by_type": most(by_type),
        "waits_for_room": some(overview["waits_for_room"]),
        "waits_for_a_service": some(overview["waits_for_a_service"]),
    }


def _serves(queues: Any) -> dict[str, Any]:
    if queues.pinned:
        return {"queues": some(queues.consume_from), "chosen_by": "-Q or add_consumer"}
    every = {"queues": "the queues of all task types", "types_known": len(queues.of_types)}
    return {**every, "except": some(queues.excluded)} if queues.excluded else every


def some(names: Iterable[str]) -> list[str]:
    """The first names in order, and the number of further names."""
    ordered = sorted(names)
    more = len(ordered) - _MOST_NAMES
    return [*ordered[:_MOST_NAMES], f"… and {more} more"] if more > 0 else ordered


def most(counts: Mapping[str, int]) -> dict[str, int]:
    """The largest counts, and the sum of the others."""
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    shown = dict(ordered[:_MOST_NAMES])
    rest = ordered[_MOST_NAMES:]
    return {**shown, f"… and {len(rest)} more": sum(n for _, n in rest)} if rest else shown
