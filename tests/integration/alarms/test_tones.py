"""Notifications carry a type by severity, which services show as a colour or a sign."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.people import Webhook, webhook
from tests.support.site import Installation
from tests.support.waiting import wait_until
from tests.support.watchdogs import FakeCheck, Watchdogs

pytestmark = pytest.mark.sqlite_only


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A webhook that receives the notifications."""
    with webhook() as server:
        yield server


def _tones(hook: Webhook) -> dict[str, str]:
    return {posted["title"].partition(" / ")[0]: posted["type"] for posted in hook.posted}


def test_notification_type_is_failure_warning_or_success_by_severity(
    site: Installation, watchdogs: Watchdogs, hook: Webhook
) -> None:
    site.configure(notify_urls=[hook.url()])
    store, disk = FakeCheck("store", "not mounted"), FakeCheck("disk", "2 % free")
    watchdogs.start(store, disk)
    wait_until(lambda: len(hook.posted) == 2, 15, "people are notified")
    alarms = {"easyai: store_down": "failure", "easyai: disk_low": "warning"}
    assert _tones(hook) == alarms
    store.reason = disk.reason = ""
    wait_until(lambda: len(hook.posted) == 4, 15, "people are notified that it is over")
    assert _tones(hook) == alarms | {
        "easyai: recovered (store_down)": "success",
        "easyai: recovered (disk_low)": "success",
    }


def test_repeated_alarm_keeps_its_notification_type(
    site: Installation, watchdogs: Watchdogs, hook: Webhook
) -> None:
    site.configure(notify_urls=[hook.url()], alarm_repeat_sec=1.0)
    watchdogs.start(FakeCheck("disk", "2 % free"))
    wait_until(lambda: len(hook.posted) >= 2, 15, "people are notified again")
    assert {posted["type"] for posted in hook.posted} == {"warning"}
