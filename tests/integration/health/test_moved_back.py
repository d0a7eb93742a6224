"""A service that returns to a port that it left by a move."""

from __future__ import annotations

import pytest

from easyai.errors import ServiceNotFoundError
from easyai.registry import registration, unregistration
from easyai.tasks.sweep import sweep
from tests.integration.health.homes import ID, homes, passed, state_of
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import Installation

__all__ = ["homes"]

pytestmark = pytest.mark.sqlite_only


def test_service_that_returns_to_a_port_that_it_left_has_moved_back(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    first, second, _ = homes
    new, old = second, first
    for _ in range(3):
        old.stop()
        new.stop()
        new.start()
        site.register(new)
        sweep(site.runtime)
        assert state_of(site, old)[1].endswith(f"; moved to {new.endpoint}")
        assert state_of(site, new) == ("online", "registered")
        passed(site, 3600)
        new, old = old, new


def test_late_heartbeat_of_an_unregistered_endpoint_does_not_revive_the_endpoint_left_before(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    old.stop()
    site.register(new)
    sweep(site.runtime)
    unregistration.unregister(site.runtime, new.endpoint)
    with pytest.raises(ServiceNotFoundError, match="register it again"):
        registration.heartbeat(site.runtime, ID)
    assert state_of(site, old)[1].endswith(f"; moved to {new.endpoint}")
    registration.heartbeat(site.runtime, old.endpoint)
    assert state_of(site, old)[0] == "online", "a heartbeat by endpoint is its own"
