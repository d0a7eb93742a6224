"""The outbox: sends committed alerts to the bus until the bus has acknowledged them.

Each alert is sent at least once, and in order for each camera. Of each camera, at most one alert is
in flight: the next alert goes when the bus has acknowledged this alert. A sender begins with the
oldest unacknowledged alert. So a consumer that ignores known ids sees every alert once and in
order, whatever crashes and however many processes publish at the same time.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from easyai.db import clock, events, outbox
from easyai.db.events import Event
from easyai.db.outbox import WaitingRow
from easyai.db.session import Database
from easyai.domain.alert import IMAGE_URL_TTL_SEC, alert_json
from easyai.domain.reason import Reason
from easyai.errors import BusUnavailableError, EasyaiError
from easyai.messages.catalogue import text
from easyai.publish.bus import CurrentBus
from easyai.publish.bus_interface import Bus, Message, Receipt
from easyai.settings.schema import AiAnalysis
from easyai.store.frame_store import Store

log = logging.getLogger(__name__)

# Limits of a batch, which a transaction reads or marks as a whole, whatever the settings. A batch
# takes some times its bytes in memory: rows, the JSON of a wave, the client's own copy.
_LARGEST_BATCH: Final = 1000
_LARGEST_BATCH_BYTES: Final = 2_000_000

Published = Callable[[Sequence[int], float], None]  # ids of alerts, and the seconds of the batch


def _ignored(_: Sequence[int], __: float) -> None:
    """Ignore the published alerts."""


@dataclass(slots=True)
class PublishReport:
    """The result of a run, which Flower shows."""

    acknowledged: int = 0
    refused: int = 0  # for ever: kept in the table, not sent again
    held_up: dict[str, Reason] = field(default_factory=dict)  # cameras that wait, and why


class Outbox:
    """Sends waiting alerts; a process has a single outbox, which keeps the connection."""

    def __init__(
        self,
        db: Database,
        store: Store,
        analysis: Callable[[], AiAnalysis],
        bus: CurrentBus,
        published: Published = _ignored,
    ) -> None:
        """The outbox calls `published` after each batch with acknowledged alerts."""
        self._db = db
        self._store = store
        self._analysis = analysis
        self._bus = bus
        self._published = published
        self._lock = threading.Lock()

    def anything_waits(self) -> bool:
        """Whether alerts wait for a run; reads only a partial index."""
        if not self._analysis().has_bus:
            return False
        with self._db.read() as conn:
            return not outbox.is_empty(conn)

    def publish(self, budget_sec: float) -> PublishReport:
        """Send waiting alerts until none waits or the time is over.

        Raises BusUnavailableError when the bus does not work (acknowledged alerts are marked),
        SettingsError for an invalid address, and DatabaseUnavailableError.
        """
        report = PublishReport()
        limit = time.monotonic() + budget_sec
        with self._lock:
            while self._analysis().has_bus and time.monotonic() < limit:
                with self._db.read() as conn:
                    newest = outbox.newest(conn)
                if newest is None or not self._send_up_to(newest, limit, report):
                    break
        return report

    def _send_up_to(self, newest: int, limit: float, report: PublishReport) -> bool:
        """Send the alerts that wait up to an id; returns whether all of them went."""
        bus = self._bus.of(self._analysis())
        while True:
            most = min(self._analysis().alert_batch_size, _LARGEST_BATCH)
            with self._db.read() as conn:
                rows = outbox.waiting(conn, newest, most, _LARGEST_BATCH_BYTES, report.held_up)
            if not rows:
                return not report.held_up
            receipt, began = Receipt(), time.monotonic()
            try:
                self._send_batch(bus, rows, limit, report, receipt)
            finally:
                self._mark(rows, receipt)  # also the alerts that went before an error
            report.acknowledged += len(receipt.acknowledged)
            report.refused += len(receipt.refused)
            if receipt.acknowledged:
                self._published(receipt.acknowledged, time.monotonic() - began)
            if receipt.trouble:
                raise BusUnavailableError(receipt.trouble)
            if time.monotonic() >= limit:
                return False

    def _send_batch(
        self,
        bus: Bus,
        rows: Sequence[WaitingRow],
        limit: float,
        report: PublishReport,
        total: Receipt,
    ) -> None:
        """Send rows wave by wave; `total` collects the answers of the bus."""
        cameras = {row.id: row.task_id for row in rows}
        for wave in waves(rows):
            messages = [self._message(row) for row in wave if row.task_id not in report.held_up]
            if not messages:
                continue
            receipt = bus.send(messages)
            total.acknowledged += receipt.acknowledged
            total.refused |= receipt.refused
            total.trouble = receipt.trouble
            for alert_id, reason in receipt.held_up.items():
                report.held_up[cameras[alert_id]] = reason
            answered = len(receipt.acknowledged) + len(receipt.refused) + len(receipt.held_up)
            if receipt.trouble or answered < len(messages) or time.monotonic() >= limit:
                break

    def _message(self, row: WaitingRow) -> Message:
        body = json.dumps(alert_json(row._asdict(), self._link(row)), ensure_ascii=False)
        of_system = row.task_id == "system" and row.algorithm_id == "system_monitor"
        content = (row.task_type, row.task_id, body.encode())
        return Message(row.id, *content, created_at=row.created_at, of_system=of_system)

    def _link(self, row: WaitingRow) -> str:
        try:
            return self._store.url(row.image_path, IMAGE_URL_TTL_SEC) if row.image_path else ""
        except EasyaiError as error:
            if error.retryable:
                raise
            # No store has the key of this picture: its alert must not hold up all others for ever.
            log.warning("alert sent without a picture link: id=%d %s", row.id, error)
            return ""

    def _mark(self, rows: Sequence[WaitingRow], receipt: Receipt) -> None:
        if not (receipt.acknowledged or receipt.refused):
            return
        with self._db.write() as conn:
            now = clock.now(conn)
            outbox.acknowledged(conn, receipt.acknowledged, now)
            outbox.refused(conn, list(receipt.refused), now)
            events.add(conn, _refusals(rows, receipt, now))
        for alert_id, reason in receipt.refused.items():
            log.error(
                "alert refused by the bus for ever, not sent: id=%d %s", alert_id, text(reason)
            )

    def close(self) -> None:
        """Close the connection to the bus."""
        self._bus.close()


def waves(rows: Sequence[WaitingRow]) -> Iterator[list[WaitingRow]]:
    """Group the rows so that each group has a camera at most once, older alerts first."""
    numbers: dict[str, int] = {}
    groups: list[list[WaitingRow]] = []
    for row in rows:
        number = numbers.get(row.task_id, 0)
        numbers[row.task_id] = number + 1
        if number == len(groups):
            groups.append([])
        groups[number].append(row)
    yield from groups


def _refusals(rows: Sequence[WaitingRow], receipt: Receipt, now: float) -> list[Event]:
    cameras = {row.id: row.task_id for row in rows}
    refusals = []
    for alert_id, why in receipt.refused.items():
        refused = Reason.of("bus.alert_refused", alert_id=alert_id, why=why)
        refusals.append(Event(now, "alert_refused", cameras[alert_id], refused))
    return refusals
