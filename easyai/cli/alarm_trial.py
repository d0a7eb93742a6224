"""Sends a test alarm through every channel of alarms: table, log, bus and people."""

from __future__ import annotations

import logging
import time
from typing import Final, Literal, NamedTuple

from easyai.db import alerts, clock, outbox
from easyai.domain.alarm_as_alert import system_result
from easyai.domain.reason import Reason
from easyai.errors import EasyaiError
from easyai.messages.catalogue import in_all_languages, text
from easyai.pipeline.publishing import DUTY, publish_waiting
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
    why: str


def send_test(runtime: Runtime) -> list[Outcome]:
    """Send the test alarm on every channel, also after a channel failed."""
    alert_id, table = _to_table(runtime)
    log.warning("%s", in_all_languages(BODY))
    return [
        table,
        Outcome("log", "worked", "here on stderr; alarms are in the log of the watchdog"),
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
        return None, Outcome("table", "failed", str(error))
    return alert_id, Outcome("table", "worked", f"alert {alert_id}, task_id system")


def _to_bus(runtime: Runtime, alert_id: int | None) -> Outcome:
    analysis = runtime.settings.ai_analysis
    if not analysis.has_bus:
        missing = "mq_type is none" if analysis.mq_type == "none" else "mq_address is not set"
        return Outcome("bus", "not set", f"ai_analysis.{missing}")
    if alert_id is None:
        return Outcome("bus", "failed", "not sent: the alarm could not be written to the table")
    try:
        failure = _published(runtime, alert_id)
    except EasyaiError as error:
        failure = str(error)
    if failure:
        return Outcome("bus", "failed", failure)
    return Outcome("bus", "worked", f"{analysis.mq_type} acknowledged it")


def _published(runtime: Runtime, alert_id: int) -> str:
    """Wait until a worker or this process has sent the alarm to the bus; return '' or why not."""
    limit = time.monotonic() + _BUS_SEC
    while time.monotonic() < limit:
        with claimed(runtime.db, DUTY, 0.0) as ours:
            report = publish_waiting(runtime, 2.0) if ours else None
        with runtime.db.read() as conn:
            at = outbox.published_at(conn, alert_id)
        if at is not None:
            return "" if at > 0 else "the bus refused it"
        if report is not None and "system" in report.held_up:
            return text(report.held_up["system"])
        time.sleep(0.2)
    with runtime.db.read() as conn:
        waiting = outbox.backlog(conn).waiting
    return f"not acknowledged within {_BUS_SEC:g} s; {waiting} alerts wait"


def _to_people(runtime: Runtime) -> Outcome:
    urls = [url.get_secret_value() for url in runtime.settings.ai_analysis.notify_urls]
    if not urls:
        return Outcome("people", "not set", "ai_analysis.notify_urls is empty")
    try:
        People(urls).send(in_all_languages(TITLE).replace("\n", " "), in_all_languages(BODY))
    except EasyaiError as error:
        return Outcome("people", "failed", str(error))
    return Outcome("people", "worked", f"{len(urls)} of {len(urls)} notify_urls took it")
