"""The periodic task behind the outbox: send the waiting alerts to the message bus."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from celery import shared_task

from easyai.errors import EasyaiError
from easyai.messages.catalogue import text
from easyai.tasks.config import PUBLISH_TASK
from easyai.tasks.process import process_of
from easyai.tasks.single_run import claimed

if TYPE_CHECKING:
    from easyai.publish.outbox_sender import PublishReport
    from easyai.runtime import Runtime

log = logging.getLogger(__name__)

# After this time the task ends, so that a shutdown or deploy need not wait; the next tick goes on.
BUDGET_SEC = 3.0


@shared_task(bind=True, name=PUBLISH_TASK)  # type: ignore[untyped-decorator]
def publish(self: Any) -> dict[str, Any]:
    """Send waiting alerts for a few seconds, unless another worker does; for Flower to show."""
    process = process_of(self.app)
    outage = process.outage(log, "alerts wait for the bus")
    try:
        result = _publish(process.runtime())
    except EasyaiError as error:
        # The error returns with every tick while the bus is down: log no traceback.
        outage.failed(error)
        return {"failed": str(error)}
    if result is None:
        return {"skipped": "another worker publishes"}
    outage.worked()
    return result


def _publish(runtime: Runtime) -> dict[str, Any] | None:
    # Imported here: beat loads this module for the name of the task only.
    from easyai.pipeline import publishing

    # Look first: without waiting alerts, no transaction writes a claim.
    if not publishing.anything_waits(runtime):
        return {"waiting": False}
    with claimed(runtime.db, publishing.PUBLISH_LEASE, 0.0) as ours:
        return _shown(publishing.publish_waiting(runtime, BUDGET_SEC)) if ours else None


def _shown(report: PublishReport) -> dict[str, Any]:
    held_up = {camera: text(reason) for camera, reason in report.held_up.items()}
    return asdict(report) | {"held_up": held_up}
