"""Publish: sends settled alerts to the message bus (see `easyai.publish.outbox_sender`)."""

from __future__ import annotations

from functools import partial
from typing import Final

from easyai.pipeline.pipeline_tracing import note_publication
from easyai.publish.bus import CurrentBus
from easyai.publish.outbox_sender import Outbox, PublishReport
from easyai.runtime import Runtime

#: Held by the publishing process, so that few alerts are sent twice.
PUBLISH_LEASE: Final = "publish"


def anything_waits(runtime: Runtime) -> bool:
    """Whether there is a bus and an alert for it; writes nothing."""
    return runtime.part(_open).anything_waits()


def publish_waiting(runtime: Runtime, budget_sec: float) -> PublishReport:
    """Send waiting alerts until none is left or the time is over.

    Raises BusUnavailableError if the bus does not work, SettingsError for an invalid address of the
    bus, DatabaseUnavailableError.
    """
    return runtime.part(_open).publish(budget_sec)


def _open(runtime: Runtime) -> Outbox:
    return Outbox(
        runtime.db,
        runtime.store,
        lambda: runtime.settings.ai_analysis,
        CurrentBus(),
        partial(note_publication, runtime),
    )
