"""People see how bad it is before they read: as a colour or a sign of the service they use."""

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
    """Somebody who is told."""
    with webhook() as server:
        yield server


def _tones(hook: Webhook) -> dict[str, str]:
    return {posted["title"].partition(" / ")[0]: posted["type"] for posted in hook.posted}


def test_an_outage_is_a_failure_a_threat_a_warning_and_the_end_a_success(
    site: Installation, watchdogs: Watchdogs, hook: Webhook
) -> None:
    site.configure(notify_urls=[hook.url()])
    store, disk = FakeCheck("store", "not mounted"), FakeCheck("disk", "2 % free")
    watchdogs.start(store, disk)
    wait_until(lambda: len(hook.posted) == 2, 15, "people are told")
    alarms = {"easyai: store_down": "failure", "easyai: disk_low": "warning"}
    assert _tones(hook) == alarms
    store.reason = disk.reason = ""
    wait_until(lambda: len(hook.posted) == 4, 15, "people are told that it is over")
    assert _tones(hook) == alarms | {
        "easyai: recovered (store_down)": "success",
        "easyai: recovered (disk_low)": "success",
    }


def test_an_alarm_that_is_repeated_is_as_bad_as_before(
    site: Installation, watchdogs: Watchdogs, hook: Webhook
) -> None:
    site.configure(notify_urls=[hook.url()], alarm_repeat_sec=1.0)
    watchdogs.start(FakeCheck("disk", "2 % free"))
    wait_until(lambda: len(hook.posted) >= 2, 15, "people are told again")
    assert {posted["type"] for posted in hook.posted} == {"warning"}
