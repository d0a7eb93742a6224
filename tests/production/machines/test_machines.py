"""Three worker hosts share a PostgreSQL, a Redis and an object store."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Final

from tests.faults.fleet import most_in_flight
from tests.faults.rhythm import Rhythm
from tests.production.conftest import Proves
from tests.production.effort import IN_FULL
from tests.production.machines.network import round_trip_ms
from tests.production.machines.site import AT_ONCE, LEASE_SEC, LIMIT, WORKERS, Site
from tests.production.proof import ONE_FATE, Proof
from tests.support.waiting import wait_until

CUT_OFF_SEC: Final = 60.0 if IN_FULL else 35.0
DELAY_MS, LOSS_PERCENT = 100, 2.0  # on each way
SLOW_FRAMES = 40


def test_limits_hold_over_all_hosts_and_are_reached(site: Site) -> None:
    site.fleet.control(delay_sec=0.3)
    idle = set(WORKERS)

    def all_have_worked() -> bool:
        if not site.ledger.unsettled():
            site.camera.burst(2 * LIMIT)  # a busy worker takes all frames: when idle, all are woken
        idle.difference_update([name for name in idle if site.leased_by(name)])
        return not idle

    wait_until(all_have_worked, 60, "every worker host has had frames in flight", 0.1)
    site.fleet.control(delay_sec=4.0)  # longer than the store takes for frames to come
    site.camera.burst(4 * LIMIT)
    wait_until(
        lambda: most_in_flight(site.fleet.requests()) == LIMIT, 60, "the limit is reached", 0.2
    )
    site.settle()
    requests = site.fleet.requests()
    most = {
        service_id: most_in_flight(
            [request for request in requests if request.service_id == service_id]
        )
        for service_id in site.fleet.ports
    }
    # Of eight places two services have three by arithmetic; `settle` saw that none had more.
    assert sorted(most.values())[-2:] == [AT_ONCE, AT_ONCE], most


def test_host_cut_off_under_load_loses_and_doubles_no_frame(site: Site, proves: Proves) -> None:
    """The others take the frames of the host over, and the lead, if its beat led."""
    before, leading = time.time(), site.leading()
    site.fleet.control(delay_sec=1.0)
    # The host of the beat that leads, if it has frames: whichever worker is at work takes most.
    numbers = sorted(range(1, len(site.machines.hosts) + 1), key=lambda number: number != leading)

    def at_work() -> int | None:
        return next((number for number in numbers if site.leased_by(f"worker-{number}") > 1), None)

    with site.camera, ExitStack() as stack:
        gone = wait_until(at_work, 60, "a worker has frames in flight", 0.02)
        host, worker = site.machines.hosts[gone - 1], f"worker-{gone}"
        host.cut_off()
        stack.callback(host.join)
        began = time.monotonic()
        print(f"in flight on the host when it was cut off: {site.leased_by(worker)}")
        wait_until(lambda: not site.leased_by(worker), 3 * LEASE_SEC, "its leases end", 0.1)
        print(f"its leases ended after {time.monotonic() - began:.1f} s")
        site.fleet.control(delay_sec=0.1)
        site.flows(50, 150)
        wait_until(lambda: site.leading() != gone, 20, "a beat that is not cut off leads")
        with Rhythm(site.ledger):
            time.sleep(max(0.0, began + CUT_OFF_SEC - time.monotonic()))
        begin = len(site.parts[worker].all_output())
        stack.close()
        joined = time.monotonic()
        wait_until(lambda: site.works(worker, begin), 60, "the host works again", 0.1)
        works_after_sec = time.monotonic() - joined
        print(f"the host works again after {works_after_sec:.1f} s")
    site.settle()
    fault = f"a host cut off for {CUT_OFF_SEC:.0f} s under load"
    proves(Proof("Three hosts", fault, len(site.camera.keys), works_after_sec, ONE_FATE))
    assert not site.alarms_since(before) & {"service_offline", "heartbeats_missing"}


def test_second_beat_takes_over_when_the_leading_beat_is_killed(site: Site, proves: Proves) -> None:
    leading = site.leading()
    beat = site.parts[f"beat-{leading}"]
    with site.camera:
        with Rhythm(site.ledger):
            time.sleep(4.0)
        beat.kill()
        killed_at = time.monotonic()
        wait_until(lambda: site.leading() != leading, 20, "the other beat leads")
        leads_after_sec = time.monotonic() - killed_at
        site.flows(10)
        with Rhythm(site.ledger):
            time.sleep(4.0)
        beat.start()
        assert site.leading() != leading, "the beat that came back stands by"
    site.settle()
    fault = "the leading beat of two killed"
    proves(Proof("Three hosts", fault, len(site.camera.keys), leads_after_sec, ONE_FATE))


def test_inference_goes_on_over_a_slow_network_with_packet_loss(site: Site, proves: Proves) -> None:
    """Every way between the worker hosts, the API's host and the servers is slow."""
    machines, before = site.machines, time.time()
    with ExitStack() as stack:
        for machine in (*machines.hosts, machines.api):
            stack.enter_context(machines.network.slow(machine, DELAY_MS, LOSS_PERCENT))
        way = round_trip_ms(machines.hosts[0], machines.servers.address)
        assert 2 * DELAY_MS <= way < 4 * DELAY_MS, "the network is as slow as it is meant to be"
        site.camera.burst(SLOW_FRAMES)
        took = site.flows(SLOW_FRAMES // 2, 90)
        print(f"{SLOW_FRAMES / 2 / took:.1f} frames/s with {LIMIT} places, {way:.0f} ms to and fro")
    site.settle()
    fault = f"{2 * DELAY_MS} ms there and back and {LOSS_PERCENT:g} % loss each way between all"
    proves(Proof("Three hosts", fault, len(site.camera.keys), took, ONE_FATE))
    raised = site.alarms_since(before)
    assert not raised & {"service_offline", "heartbeats_missing", "no_algorithm"}, raised
