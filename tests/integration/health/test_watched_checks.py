"""The watchdog runs every check on which an alarm depends."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from easyai.alarms import conditions
from easyai.broker.broker_check import BrokerCheck
from easyai.health.checks import rows
from easyai.health.checks.dependencies import dependency_checks, watched_checks
from easyai.health.checks.named_check import Check
from tests.support.site import Installation

pytestmark = pytest.mark.sqlite_only


def _names(checks: Iterable[Check]) -> list[str]:
    return [check.name for check in checks]


def test_watchdog_runs_every_dependency_check_except_picture_links(site: Installation) -> None:
    site.configure(mq_type="redis", mq_address="127.0.0.1:1")
    runtime = site.open()
    broker = BrokerCheck(lambda: runtime.settings)
    names = _names(dependency_checks(runtime, broker))
    assert _names(watched_checks(runtime, broker)) == [name for name in names if name != "pictures"]
    made = {*_names(watched_checks(runtime, broker)), *rows._JUDGES}
    missing = set(conditions._FROM_CHECKS.values()) - made
    assert not missing, "an alarm waits for a check that the watchdog does not run"


def test_bus_is_checked_only_while_a_bus_is_configured(site: Installation) -> None:
    runtime = site.open()
    assert "bus" not in _names(watched_checks(runtime))
    site.configure(mq_type="redis", mq_address="127.0.0.1:1")
    (bus,) = (check for check in watched_checks(runtime) if check.name == "bus")
    assert bus in watched_checks(runtime), "the check keeps its connection"
