"""The periodic task behind the outbox: send what waits for the message bus."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from easyai.celery import app
from easyai.errors import EasyaiError
from easyai.tasks.claim import claimed
from easyai.tasks.config import PUBLISH_TASK
from easyai.tasks.outage import OutageLog
from easyai.tasks.process import process

if TYPE_CHECKING:
    from easyai.runtime import Runtime

log = logging.getLogger(__name__)

# Then the task ends, so that shutdown and deploys get their turn; the next tick goes on.
BUDGET_SEC = 3.0
_outage = OutageLog(log, "alerts wait for the bus")


@app.task(name=PUBLISH_TASK)  # type: ignore[untyped-decorator]
def publish() -> dict[str, Any]:
    """Send waiting alerts for a few seconds, unless another worker does; what Flower shows."""
    try:
        result = _publish(process.runtime())
    except EasyaiError as error:
        # It comes back with every tick while the bus is down: no traceback each time.
        _outage.failed(error)
        return {"failed": str(error)}
    if result is None:
        return {"skipped": "another worker publishes"}
    _outage.worked()
    return result


def _publish(runtime: Runtime) -> dict[str, Any] | None:
    # Imported here: beat loads this module for the name of the task only.
    from easyai.pipeline import publishing

    # First a look: without alerts no transaction writes a claim.
    if not publishing.anything_waits(runtime):
        return {"waiting": False}
    with claimed(runtime.db, publishing.DUTY, 0.0) as ours:
        return asdict(publishing.publish_waiting(runtime, BUDGET_SEC)) if ours else None
