"""Causes in the dependencies of easyai: settings, database, disk, store, broker, clock, bus."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

from easyai.broker.broker_reasons import NO_SPACE as BROKER_HAS_NO_SPACE
from easyai.db.engines import MISSING
from easyai.db.guard import HELD, NO_SPACE
from easyai.db.session import DISK_FULL, LOCKED
from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.data_folder_moved import data_moved
from easyai.domain.reason import Reason
from easyai.health.facts import Facts
from easyai.health.snapshot import Snapshot
from easyai.settings.commands import curl_command, easyai_command
from easyai.settings.server_url import AMQP, REDIS

#: The code of the reason if no database was ever created.
NO_DATABASE: Final = "database.none_at"
_NO_FILE: Final = (NO_DATABASE, MISSING)
_LOCKED: Final = (LOCKED, HELD)
_DISK_IS_FULL: Final = (DISK_FULL, NO_SPACE)
_OUTBOX_LATE_SEC: Final = 60.0


def find(facts: Facts) -> Iterator[Cause]:
    """The causes on our side."""
    if not facts.settings.ai_analysis.enable:
        yield _disabled(facts)
    if facts.failed("data"):
        yield data_moved(facts)
    elif facts.snapshot is None or facts.failed("database"):
        yield _database(facts)
    if facts.failed("disk"):
        yield _disk(facts)
    if facts.failed("store"):
        yield _store(facts)
    if facts.failed("broker"):
        yield _broker(facts)
    if facts.snapshot is not None:
        yield from _clock(facts, facts.snapshot)
    yield from _bus(facts)


def _disabled(facts: Facts) -> Cause:
    return Cause(
        "disabled",
        Reason("cause.disabled.title"),
        (Reason.of("frames.found_before", waiting=facts.waiting),),
        (
            Remedy(
                Reason("remedy.enable"),
                easyai_command(facts.settings, "config", "check"),
            ),
        ),
        weight=100,
    )


def _database(facts: Facts) -> Cause:
    reason = facts.failed("database")
    evidence = [facts.failed("database") if reason else Reason("database.not_answering")]
    if reason.code in _NO_FILE:
        pass
    elif facts.snapshot is None:
        evidence.append(Reason("database.nothing_known"))
    elif reason.code in _LOCKED:
        evidence.append(Reason("database.can_be_read"))
    return Cause(
        "database_down",
        Reason("cause.database_down.title"),
        tuple(evidence),
        tuple(_database_remedies(facts)),
        weight=95,
    )


def _database_remedies(facts: Facts) -> Iterator[Remedy]:
    url = facts.settings.easyai.effective_database_url
    if facts.failed("database").code in _NO_FILE:
        yield Remedy(
            Reason("remedy.find_database"),
            easyai_command(facts.settings, "db", "upgrade"),
        )
        return
    if url.startswith("sqlite"):
        path = url.partition(":///")[2]
        yield Remedy(
            Reason("remedy.see_database_file"),
            f"fuser -v {shlex.quote(path)}; ls -l {shlex.quote(path)}*; "
            f"df -h {shlex.quote(str(facts.settings.easyai.data_dir.absolute()))}",
        )
    else:
        yield Remedy(
            Reason("remedy.see_postgresql"),
            "systemctl status postgresql",
        )
    yield Remedy(
        Reason("remedy.try_database"),
        easyai_command(facts.settings, "db", "current"),
    )


def _disk(facts: Facts) -> Cause:
    # A broker of files keeps them on this disk, too.
    full = facts.failed("broker").code == BROKER_HAS_NO_SPACE
    by_it = facts.failed("database").code in _DISK_IS_FULL
    hit = bool(full or facts.failed("database") or facts.failed("store"))
    folder = shlex.quote(str(facts.settings.easyai.data_dir.absolute()))
    return Cause(
        "disk_full",
        Reason("cause.disk_full.title"),
        (facts.failed("disk"),),
        (
            Remedy(
                Reason("remedy.see_disk"),
                f"df -h {folder}; df -i {folder}; du -xh --max-depth=2 {folder} | sort -h | tail",
            ),
            Remedy(Reason("remedy.make_room")),
        ),
        weight=96 if by_it else 92 if hit else 58,
    )


def _store(facts: Facts) -> Cause:
    extractor = facts.settings.frame_extractor
    if extractor.server:
        command = curl_command(extractor.server.health_url)
    else:
        folder = shlex.quote(str(extractor.output_dir.absolute()))
        command = f"ls -ld {folder}; findmnt -T {folder}"
    return Cause(
        "store_down",
        Reason("cause.store_down.title"),
        (facts.failed("store"),),
        (
            Remedy(
                Reason("remedy.see_store"),
                command,
            ),
        ),
        weight=88,
    )


def _broker(facts: Facts) -> Cause:
    scheme = (facts.settings.easyai.broker_url or "filesystem").partition(":")[0].partition("+")[0]
    if scheme == "filesystem":
        folder = shlex.quote(str(facts.settings.easyai.data_dir.absolute() / "broker"))
        command = f"ls -ld {folder} {folder}/*; df -h {folder}"
    elif scheme in REDIS:
        command = "systemctl status redis-server"
    elif scheme in AMQP:
        command = "systemctl status rabbitmq-server"
    else:  # another transport of kombu
        command = easyai_command(facts.settings, "config", "check")
    return Cause(
        "broker_down",
        Reason("cause.broker_down.title"),
        (facts.failed("broker"),),
        (
            Remedy(
                Reason("remedy.see_broker"),
                command,
            ),
        ),
        weight=84,
    )


def _clock(facts: Facts, snapshot: Snapshot) -> Iterator[Cause]:
    if not snapshot.ahead_sec and not snapshot.clock_jump_at:
        return
    evidence = []
    if snapshot.ahead_sec:
        evidence.append(Reason.of("clock.newest_sign_ahead", ahead_sec=snapshot.ahead_sec))
    if snapshot.clock_jump_at:
        evidence.append(Reason.of("clock.jump_noticed", jump_at=snapshot.clock_jump_at))
    yield Cause(
        "clock_jumped",
        Reason("cause.clock_jumped.title"),
        tuple(evidence),
        (
            Remedy(
                Reason("remedy.see_clock"),
                "date; timedatectl status",
            ),
        ),
        weight=55 if snapshot.ahead_sec and facts.stalled else 25,
    )


def _bus(facts: Facts) -> Iterator[Cause]:
    reason, snapshot = facts.failed("bus"), facts.snapshot
    fresh = not facts.failed("database")
    late = bool(
        fresh
        and snapshot
        and snapshot.outbox
        and facts.now - snapshot.outbox_since > _OUTBOX_LATE_SEC
    )
    if not facts.settings.ai_analysis.has_bus or not (reason or late):
        return
    evidence = [facts.failed("bus")] if reason else []
    if snapshot and snapshot.outbox:
        waiting = Reason.of("bus.alerts_wait", n=snapshot.outbox, since=snapshot.outbox_since)
        evidence.append(waiting)
    kind = facts.settings.ai_analysis.mq_type
    yield Cause(
        "bus_down",
        Reason.of("cause.bus_down.title", kind=kind),
        tuple(evidence),
        (
            Remedy(
                Reason("remedy.see_bus"),
                easyai_command(facts.settings, "config", "check"),
            ),
        ),
        weight=20,
    )
