"""The figures as text: tables for the terminal and for docs/scaling.md."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from bench import marks
from bench.sizing.bottlenecks import Limits, bottlenecks, leasing_per_sec, workers_needed
from bench.sizing.fleet import ROLES, Fleet, Measurement, Seen
from bench.sizing.model import costs, estimate, factor

_CORES_FLOOR: Final = 0.05  # smaller costs of a role are noise
_LARGE: Final = Fleet(
    cameras=10_000, interval_sec=1, types=12, services=100, infer_ms=100, picture_kb=200
)
#: The page compares the needs of these fleets.
_SHOWN: Final = (
    replace(_LARGE, cameras=100),
    replace(_LARGE, cameras=1_000),
    replace(_LARGE, interval_sec=10),
    replace(_LARGE, interval_sec=5),
    _LARGE,
)


def differences(seen: Seen, measured: Measurement) -> dict[str, float]:
    """The error factor of the model for each predicted number; 1: no error."""
    foretold = estimate(costs(seen), measured.fleet)
    found = {
        f"cores of {role}": factor(foretold.cores[role], measured.cores[role], _CORES_FLOOR)
        for role in ("worker", "postgresql")
    }
    every = sum(measured.cores[role] for role in ROLES)
    found["cores of all"] = factor(sum(foretold.cores.values()), every, _CORES_FLOOR)
    found["commits"] = factor(foretold.commits_per_sec, measured.commits_per_sec, 1.0)
    found["connections"] = factor(foretold.connections, measured.connections, 1.0)
    return found


def checks_table(seen: Seen) -> str:
    """Predicted and measured costs of the measured installations."""
    lines = [
        "| installation | frames/s | cores of workers | cores of PostgreSQL | cores of all "
        "| commits/s | connections | largest factor |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in seen.checks:
        foretold = estimate(costs(seen), one.fleet)
        pairs = [
            f"{foretold.cores[role]:.2f} / {one.cores[role]:.2f}"
            for role in ("worker", "postgresql")
        ]
        pairs.append(f"{sum(foretold.cores.values()):.2f} / {sum(one.cores.values()):.2f}")
        pairs.append(f"{foretold.commits_per_sec:.0f} / {one.commits_per_sec:.0f}")
        pairs.append(f"{foretold.connections:.0f} / {one.connections}")
        worst = max(differences(seen, one).values())
        cells = " | ".join(pairs)
        lines.append(f"| {_described(one)} | {one.settled_per_sec:.0f} | {cells} | {worst:.2f} |")
    return "\n".join(lines)


def _described(one: Measurement) -> str:
    fleet = one.fleet
    cameras = f"{fleet.cameras:,} cameras, a frame each {fleet.interval_sec:g} s"
    return f"{cameras}, {fleet.types} types, {fleet.workers} workers"


def costs_table(seen: Seen) -> str:
    """The cost of each item."""
    own = costs(seen)
    rows = {
        "one installation at rest, with one worker": (own.base, 1),
        "a further worker process at rest": (own.worker, 1),
        "1,000 camera folders in which nothing is new": (own.camera, 1000),
        "100 frames/s": (own.frame, 100),
        "10 task types with new frames each second": (own.ring, 10),
        "100 heartbeats/s": (own.heartbeat, 100),
    }
    lines = [
        "| what | worker | PostgreSQL | Redis | API | commits/s |",
        "|---|---|---|---|---|---|",
    ]
    for name, (cost, count) in rows.items():
        cells = [f"{cost.cores[role] * count:.3f}" for role in ("worker", "postgresql", "redis")]
        cells += [f"{cost.cores['api'] * count:.3f}", f"{cost.commits * count:.0f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    micro = seen.micro
    lines += [
        "",
        "Of what only one process does at a time: a transaction of the dispatcher with "
        f"{micro.turn_frames} frames takes {micro.turn_ms:.0f} ms of CPU and "
        f"{micro.round_trips:.0f} round trips to PostgreSQL, "
        f"a scan {micro.scan_ms_a_frame:.2f} ms a new frame and "
        f"{micro.scan_ms_a_folder * 1000:.0f} ms for 1,000 folders in which nothing is new.",
    ]
    return "\n".join(lines)


def fleets_table(seen: Seen) -> str:
    """A comparison of fleets of several sizes."""
    own = costs(seen)
    lines = [
        "| fleet | frames/s | worker processes | cores: workers | PostgreSQL | API | commits/s "
        "| full first |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for fleet in _SHOWN:
        sized = replace(fleet, workers=workers_needed(own, fleet))
        found = estimate(own, sized)
        first = bottlenecks(seen, sized, Limits())[0]
        lines.append(
            f"| {fleet.cameras:,} cameras, each {fleet.interval_sec:g} s "
            f"| {fleet.frames_per_sec:,.0f} | {sized.workers} | {found.cores['worker']:.1f} "
            f"| {found.cores['postgresql']:.1f} | {found.cores['api']:.2f} "
            f"| {found.commits_per_sec:,.0f} | {first.name} ({first.share:.0%}) |"
        )
    return "\n".join(lines)


def fleet_page(seen: Seen, fleet: Fleet, limits: Limits) -> str:
    """One fleet, and its use of the capacity."""
    found = estimate(costs(seen), fleet)
    cores = ", ".join(f"{role} {found.cores[role]:.1f}" for role in ROLES)
    lines = [
        f"{fleet.cameras:,} cameras, a frame each {fleet.interval_sec:g} s "
        f"({fleet.frames_per_sec:,.0f} frames/s), {fleet.types} types, {fleet.services} services, "
        f"{fleet.infer_ms:g} ms a frame, {fleet.picture_kb:g} KB a picture",
        "",
        f"cores: {cores}",
        f"worker processes: {fleet.workers}; connections: {found.connections:,.0f}; "
        f"commits/s: {found.commits_per_sec:,.0f}; network: {found.kb_per_sec * 8 / 1000:,.0f} "
        "Mbit/s",
        "",
        "| what is full first | of what can be used | figures | what to do |",
        "|---|---|---|---|",
    ]
    for one in bottlenecks(seen, fleet, limits):
        remedy = one.remedy if one.share >= 1 else ""
        lines.append(f"| {one.name} | {one.share:.0%} | {one.figures} | {remedy} |")
    return "\n".join(lines)


def large_page(seen: Seen) -> str:
    """10,000 cameras."""
    fleet = replace(_LARGE, workers=workers_needed(costs(seen), _LARGE))
    return fleet_page(seen, fleet, Limits())


def one_server(seen: Seen) -> str:
    """The frames per second of one PostgreSQL, near and far."""
    every = (Limits(round_trip_ms=one) for one in (0.1, 0.3, 1.0, 5.0, 20.0, 200.0))
    rows = (f"| {one.round_trip_ms:g} ms | {leasing_per_sec(seen, one):,.0f} |" for one in every)
    heading = "| round trip from worker to PostgreSQL | frames/s, all workers together |\n|---|---|"
    return "\n".join((heading, *rows))


def renewed(text: str, seen: Seen) -> str:
    """The page with the latest figures; raises ValueError without a mark."""
    parts = {
        "fleets": fleets_table(seen),
        "large": large_page(seen),
        "server": one_server(seen),
        "costs": costs_table(seen),
        "checks": checks_table(seen),
    }
    return marks.renewed(text, parts, "python -m bench.sizing write")
