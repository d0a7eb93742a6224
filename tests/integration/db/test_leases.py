"""A single process at a time holds a lease, whatever happens to clocks and processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from easyai.db import leases
from tests.support.site import Installation

NOW = 1_800_000_000.0


def _acquire(site: Installation, holder: str, now: float, ttl_sec: float = 10.0) -> bool:
    with site.runtime.db.write() as conn:
        return leases.acquire(conn, "scan", holder, ttl_sec, now)


def test_held_lease_is_extended_by_its_holder_only(site: Installation) -> None:
    assert _acquire(site, "a", NOW)
    assert not _acquire(site, "b", NOW + 9)
    assert _acquire(site, "a", NOW + 9)
    assert not _acquire(site, "b", NOW + 18)
    assert _acquire(site, "b", NOW + 19)


def test_lease_is_free_at_once_when_its_holder_releases_it(site: Installation) -> None:
    assert _acquire(site, "a", NOW)
    with site.runtime.db.write() as conn:
        leases.release(conn, "scan", "b")
    assert not _acquire(site, "b", NOW)
    with site.runtime.db.write() as conn:
        leases.release(conn, "scan", "a")
    assert _acquire(site, "b", NOW)


def test_concurrent_acquires_give_the_lease_to_a_single_holder(site: Installation) -> None:
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda n: _acquire(site, f"holder-{n}", NOW), range(16)))
    assert got.count(True) == 1


def test_lease_is_free_after_the_clock_was_set_back_by_minutes(site: Installation) -> None:
    # A box without a battery clock: power lost at 12:00, up again at 11:50 by its own clock.
    assert _acquire(site, "before the power loss", NOW)
    assert _acquire(site, "after", NOW - 600)


def test_lease_is_not_stolen_by_a_clock_seconds_behind(site: Installation) -> None:
    assert _acquire(site, "ahead", NOW + 5)
    assert not _acquire(site, "behind", NOW)


def test_done_lease_is_free_after_the_clock_was_set_back_by_seconds(site: Installation) -> None:
    assert _acquire(site, "a", NOW)
    with site.runtime.db.write() as conn:
        leases.end(conn, "scan", "a", NOW + 1, quiet_sec=0.5, done=True)
    assert _acquire(site, "a", NOW + 1, 0.5), "quiet for a moment after the run"
    assert not _acquire(site, "b", NOW + 1)
    assert _acquire(site, "b", NOW - 9)
    # From now on it is a usual lease: no two holders run side by side for long.
    assert not _acquire(site, "c", NOW - 9)
    with site.runtime.db.read() as conn:
        assert leases.all_leases(conn)["scan"].done_at == NOW - 9
