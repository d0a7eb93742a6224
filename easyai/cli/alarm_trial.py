"""Sends a test alarm through every channel of alarms: table, log, bus and people."""

from __future__ import annotations

import logging
import time
from typing import Final, Literal, NamedTuple

from easyai.db import alerts, clock, outbox
from easyai.domain.alarm_as_alert import system_result
from easyai.domain.reason import NO_REASON, Reason
from easyai.errors import EasyaiError
from easyai.messages.catalogue import in_all_languages, text
from easyai.pipeline.publishing import PUBLISH_LEASE, publish_waiting
from easyai.publish.apprise_urls import People
from easyai.runtime import Runtime
from easyai.tasks.single_run import claimed

log = logging.getLogger(__name__)

TITLE: Final = Reason("alarm_trial.title")
BODY: Final = Reason("alarm_trial.body")
_BUS_SEC: Final = 20.0


class Outcome(NamedTuple):
    """The result of the test alarm on a channel."""

    channel: str
    state: Literal["worked", "failed", "not set"]
    why: Reason


def send_test(runtime: Runtime) -> list[Outcome]:
    """Send the test alarm on every channel, also after a channel failed."""
    alert_id, table = _to_table(runtime)
    log.warning("%s", in_all_languages(BODY))
    return [
        table,
        Outcome("log", "worked", Reason("alarm_trial.in_log")),
        _to_bus(runtime, alert_id),
        _to_people(runtime),
    ]


def _to_table(runtime: Runtime) -> tuple[int | None, Outcome]:
    has_bus = runtime.settings.ai_analysis.has_bus
    try:
        with runtime.db.write() as conn:
            result = system_result(text(BODY), text(BODY, "zh"), BODY, "test")
            now = clock.now(conn)
            alert_id = alerts.add_system(conn, "test", result, now, for_bus=has_bus)
    except EasyaiError as error:
        return None, Outcome("table", "failed", error.reason)
    return alert_id, Outcome("table", "worked", Reason.of("alarm_trial.in_table", id=alert_id))


def _to_bus(runtime: Runtime, alert_id: int | None) -> Outcome:
    analysis = runtime.settings.ai_analysis
    if not analysis.has_bus:
        none = analysis.mq_type == "none"
        missing = Reason("alarm_trial.no_bus" if none else "alarm_trial.no_address")
        return Outcome("bus", "not set", missing)
    if alert_id is None:
        return Outcome("bus", "failed", Reason("alarm_trial.not_in_table"))
    try:
        failure = _published(runtime, alert_id)
    except EasyaiError as error:
        failure = error.reason
    if failure:
        return Outcome("bus", "failed", failure)
    return Outcome("bus", "worked", Reason.of("alarm_trial.acknowledged", bus=analysis.mq_type))


def _published(runtime: Runtime, alert_id: int) -> Reason:
    """Wait until a worker or this process has sent the alarm; return no reason, or why not."""
    limit = time.monotonic() + _BUS_SEC
    while time.monotonic() < limit:
        with claimed(runtime.db, PUBLISH_LEASE, 0.0) as ours:
            report = publish_waiting(runtime, 2.0) if ours else None
        with runtime.db.read() as conn:
            at = outbox.published_at(conn, alert_id)
        if at is not None:
            return NO_REASON if at > 0 else Reason("alarm_trial.refused")
        if report is not None and "system" in report.held_up:
            return report.held_up["system"]
        time.sleep(0.2)
    with runtime.db.read() as conn:
        waiting = outbox.backlog(conn).waiting
    return Reason.of("alarm_trial.not_acknowledged", within_sec=_BUS_SEC, n=waiting)


def _to_people(runtime: Runtime) -> Outcome:
    urls = [url.get_secret_value() for url in runtime.settings.ai_analysis.notify_urls]
    if not urls:
        return Outcome("people", "not set", Reason("alarm_trial.no_people"))
    try:
        People(urls).send(in_all_languages(TITLE).replace("\n", " "), in_all_languages(BODY))
    except EasyaiError as error:
        return Outcome("people", "failed", error.reason)
    return Outcome("people", "worked", Reason.of("alarm_trial.people_took", number=len(urls)))
