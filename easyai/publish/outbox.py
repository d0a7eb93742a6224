"""The outbox: alerts that were committed go to the bus until it has acknowledged them.

At least once, and in order for each camera: of one camera only one alert is under way at a time,
and the next goes when the bus has acknowledged it. Whoever sends begins with the oldest that is not
acknowledged. So a consumer that ignores ids it knows sees every alert once and in order, whatever
crashes and however many publish at the same time.
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
from easyai.publish.base import Bus, Message, Receipt
from easyai.publish.bus import CurrentBus
from easyai.settings.schema import AiAnalysis
from easyai.store.base import Store

log = logging.getLogger(__name__)

# Read and marked in one transaction, whatever the settings say. What a batch takes of memory is
# some times its bytes: rows, the JSON of a wave, the client's own copy.
_LARGEST_BATCH: Final = 1000
_LARGEST_BATCH_BYTES: Final = 2_000_000

Published = Callable[[Sequence[int], float], None]  # ids of alerts, and the seconds it took


def _ignored(_: Sequence[int], __: float) -> None:
    """Nobody wants to know."""


@dataclass(slots=True)
class PublishReport:
    """What one run did; what Flower shows."""

    acknowledged: int = 0
    refused: int = 0  # for ever: kept in the table, not sent again
    held_up: dict[str, Reason] = field(default_factory=dict)  # cameras that wait, and why


class Outbox:
    """Sends what waits; one for a process, which keeps the connection."""

    def __init__(
        self,
        db: Database,
        store: Store,
        analysis: Callable[[], AiAnalysis],
        bus: CurrentBus,
        published: Published = _ignored,
    ) -> None:
        """`published` is called after each batch that the bus has acknowledged, or part of it."""
        self._db = db
        self._store = store
        self._analysis = analysis
        self._bus = bus
        self._published = published
        self._lock = threading.Lock()

    def anything_waits(self) -> bool:
        """Whether a run has something to do; costs one look at a partial index."""
        if not self._analysis().has_bus:
            return False
        with self._db.read() as conn:
            return not outbox.is_empty(conn)

    def publish(self, budget_sec: float) -> PublishReport:
        """Send what waits until nothing does or the time is over.

        Raises BusUnavailableError when the bus does not work (what it has acknowledged is marked),
        SettingsError for an address it cannot have, DatabaseUnavailableError.
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
        """Send what waits up to an id; whether all of it went."""
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
                self._mark(rows, receipt)  # also what went before something broke
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
        """Send rows wave by wave; `total` gathers what the bus answers."""
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
            # A key that no store has: its alert must not hold up all others for ever.
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
    """The rows in groups that hold each camera once, its older alerts in earlier groups."""
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
    found = []
    for alert_id, why in receipt.refused.items():
        refused = Reason.of("bus.alert_refused", alert_id=alert_id, why=why)
        found.append(Event(now, "alert_refused", cameras[alert_id], refused))
    return found
