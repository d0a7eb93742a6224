"""Which services live: lapsed heartbeats, probes, and calls that contradict heartbeats.

- online → suspect: neither heartbeat nor inference arrived for heartbeat_timeout_sec, or a probe
  confirms that the service's calls fail though heartbeats of its id arrive.
- suspect → offline: two probes in a row failed.
- any state → online: any evidence of life, at once.

A missing heartbeat alone never takes a service offline.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from easyai.db import clock, events, generations, service_events, services, waiting
from easyai.db.events import Event
from easyai.db.services import ServiceRow
from easyai.domain.reason import Reason
from easyai.domain.service import (
    AWAY,
    PROBED,
    ServiceState,
    is_deserted,
    moved_to,
    probe_url,
)
from easyai.messages.catalogue import text
from easyai.registry.demotion import LONGEST_PROBE_PAUSE_SEC, after_failed_probe, demotion
from easyai.registry.moves import Moves
from easyai.registry.watch import Watch
from easyai.runtime import Runtime
from easyai.service_http.probe import probe_all
from easyai.service_http.service_networks import service_networks

log = logging.getLogger(__name__)

_MANY: Final = 3  # services online, from which on a joint silence of more than half is reported
_OWN_API: Final = 0  # no service has this pk


@dataclass(frozen=True, slots=True)
class Findings:
    """The result of a check of the services."""

    lapsed: int = 0  # online → suspect
    offline: int = 0  # suspect → offline
    revived: int = 0  # → online
    woken: frozenset[str] = frozenset()  # types whose frames are due again


def examine(runtime: Runtime, watch: Watch) -> Findings:
    """Check every service once, and probe doubtful services. Raises DatabaseUnavailableError."""
    timeout_sec = runtime.settings.ai_analysis.heartbeat_timeout_sec
    with runtime.db.read() as conn:
        rows, now = services.all_services(conn), clock.now(conn)
    silent = {row.pk: watch.silent_sec(row.last_evidence, now) for row in rows}
    lapsed = [row for row in rows if _has_lapsed(row, silent[row.pk], timeout_sec)]
    together = _together(rows, lapsed)
    recorded = _suspect(runtime, lapsed, silent, together)
    unconfirmed = _unconfirmed(rows, timeout_sec, now)
    fallen = {row.pk for row in lapsed}
    moves = Moves(rows, timeout_sec, now)
    due = fallen | {row.pk for row in rows if _is_due(row, unconfirmed, now)}
    perhaps_moved = moves.suspected() - due
    doubtful = [row for row in rows if row.pk in due | perhaps_moved]
    # The services that waited longest come first, because the whole round has a time limit.
    doubtful.sort(key=lambda row: row.next_probe_at)
    urls = {row.pk: probe_url(row.endpoint, row.health_url) for row in doubtful}
    answers = probe_all(urls, service_networks(runtime.settings))
    asked = [row for row in doubtful if row.pk in answers]
    living = [row for row in asked if _lives(row, answers[row.pk], row.pk in perhaps_moved)]
    blame = _blame(runtime, rows, [row for row in living if row.pk in fallen])
    answered = {row.pk for row in living if not answers[row.pk]}
    revived, woken = _revive(runtime, living, answered, timeout_sec, blame)
    alive = {row.pk for row in living}
    dead = [row for row in asked if row.pk not in alive]
    moved = moves.found({row.pk for row in dead if _is_deserted(row, answers[row.pk])})
    offline = _doubt(runtime, dead, answers, unconfirmed, together, recorded, moved, now)
    return Findings(len(lapsed), offline, revived, frozenset(woken))


def _has_lapsed(row: ServiceRow, silent_sec: float, timeout_sec: float) -> bool:
    allowed_sec = row.heartbeat_timeout_sec or timeout_sec
    return bool(row.state == ServiceState.ONLINE and silent_sec > allowed_sec)


def _unconfirmed(rows: Sequence[ServiceRow], timeout_sec: float, now: float) -> set[int]:
    """Endpoints with no evidence of life but heartbeats that others of their id may have sent.

    Their calls fail, or no call has succeeded for heartbeat_timeout_sec.
    """
    registered = [row for row in rows if row.state != ServiceState.UNREGISTERED]
    endpoints = Counter(row.service_id for row in registered)

    def speaks_for_itself(row: ServiceRow) -> bool:
        allowed_sec = row.heartbeat_timeout_sec or timeout_sec
        own_at = max(row.last_success_at, row.register_at)
        return (
            endpoints[row.service_id] == 1
            or abs(now - row.last_heartbeat) > allowed_sec
            or (services.breaker_of(row).closed and abs(now - own_at) <= allowed_sec)
        )

    return {row.pk for row in registered if not speaks_for_itself(row)}


def _is_due(row: ServiceRow, unconfirmed: set[int], now: float) -> bool:
    if row.state == ServiceState.SUSPECT:
        return True
    if row.state == ServiceState.ONLINE:
        failing = not services.breaker_of(row).closed
        return row.pk in unconfirmed and (failing or row.next_probe_at <= now)
    far_ahead = row.next_probe_at > now + LONGEST_PROBE_PAUSE_SEC  # the clock was set back
    return bool(row.state == ServiceState.OFFLINE and (row.next_probe_at <= now or far_ahead))


def _lives(row: ServiceRow, answer: Reason, perhaps_moved: bool) -> bool:
    """Whether a probe shows life; a process that may listen has not moved, however busy it is."""
    stays = perhaps_moved and row.state == ServiceState.ONLINE and not _is_deserted(row, answer)
    return stays or not answer


def _is_deserted(row: ServiceRow, answer: Reason) -> bool:
    return is_deserted(answer, row.endpoint, row.health_url)


def _together(rows: Sequence[ServiceRow], some: Sequence[ServiceRow]) -> Reason | None:
    """How many online services fell silent at once; None when they are few."""
    online = _online_if_many(rows, some)
    return Reason.of("service.together", silent=len(some), online=online) if online else None


def _online_if_many(rows: Sequence[ServiceRow], some: Sequence[ServiceRow]) -> int:
    """How many services are online, when `some` are many of them; else 0."""
    online = sum(row.state == ServiceState.ONLINE for row in rows)
    return online if online >= _MANY and 2 * len(some) > online else 0


def _blame(
    runtime: Runtime, rows: Sequence[ServiceRow], living: Sequence[ServiceRow]
) -> Reason | None:
    """The signs that this server is at fault: many services fell silent at once, yet they live.

    None when there are no such signs.
    """
    online = _online_if_many(rows, living)
    if not online:
        return None
    url = runtime.settings.easyai.effective_public_url
    failed = probe_all({_OWN_API: f"{url}/healthz"}).get(_OWN_API, Reason("probe.not_asked"))
    own = Reason.of("own_api.answers", url=url)
    if failed:
        own = Reason.of("own_api.silent", url=url, answer=failed)
    log.warning(
        "many live services silent at once, look at this server and its network first: "
        "silent=%d online=%d own_api=%s",
        len(living),
        online,
        text(failed) or "answers",
    )
    return Reason.of("service.look_here", living=len(living), online=online, own_api=own)


def _suspect(
    runtime: Runtime,
    lapsed: Sequence[ServiceRow],
    silent: dict[int, float],
    together: Reason | None,
) -> set[int]:
    """Mark lapsed services as suspect; returns the pks of services whose lapse became an event."""
    if not lapsed:
        return set()
    reasons = {
        row.pk: Reason.of("service.no_heartbeat", silent_sec=silent[row.pk], together=together)
        for row in lapsed
    }
    for row in lapsed:
        log.warning(
            "heartbeat timeout: service_id=%s endpoint=%s silent_sec=%.0f; it is probed and stays "
            "in use until two probes fail",
            row.service_id,
            row.endpoint,
            silent[row.pk],
        )
    with runtime.db.write() as conn:
        now = clock.now(conn)
        demotions = [
            demotion(row, ServiceState.SUSPECT, reasons[row.pk], now, now, 0, 0.0) for row in lapsed
        ]
        written = services.demote(conn, demotions)
        recorded = [row for row in lapsed if row.pk in written and not _lives_by_probes(row)]
        changes = [
            service_events.demoted(row, ServiceState.SUSPECT, reasons[row.pk], now)
            for row in recorded
        ]
        events.add(conn, changes)
        if written:
            generations.bump_registry(conn)
    return {row.pk for row in recorded}


def _lives_by_probes(row: ServiceRow) -> bool:
    """Whether its heartbeats have been missing for long, so that another lapse is no news."""
    return services.reason_of(row) == PROBED


def _revive(
    runtime: Runtime,
    living: Sequence[ServiceRow],
    answered: set[int],
    timeout_sec: float,
    blame: Reason | None,
) -> tuple[int, list[str]]:
    """Set services online that `answered` a probe; returns how many, and the types they serve."""
    if not living:
        return 0, []
    evidence = Reason.of("service.probed_of_many", blame=blame) if blame else PROBED
    quiet = {row.pk for row in living if _lives_by_probes(row)}
    with runtime.db.write() as conn:
        now = clock.now(conn)
        locked = services.lock(conn, [row.pk for row in living])
        back = [row for row in locked if row.state in AWAY and row.pk in answered]
        pks = [row.pk for row in back]
        services.set_online(conn, pks, PROBED, now)
        services.confirm(conn, [row.pk for row in locked], now + timeout_sec)
        types = services.task_types_of(conn, pks)
        waiting.hurry(conn, types, now)
        recorded = [row for row in back if row.pk not in quiet]
        events.add(conn, [service_events.online(row, evidence, now) for row in recorded])
        if back:
            generations.bump_registry(conn)
    for row in back:
        if row.state == ServiceState.OFFLINE:
            log.info(
                "algorithm service back: service_id=%s endpoint=%s", row.service_id, row.endpoint
            )
    return len(back), types


def _doubt(
    runtime: Runtime,
    dead: Sequence[ServiceRow],
    answers: dict[int, Reason],
    unconfirmed: set[int],
    together: Reason | None,
    recorded: set[int],
    moved: dict[int, str],
    seen_at: float,
) -> int:
    """Mark services as suspect or offline whose probe failed; returns how many went offline."""
    if not dead:
        return 0
    with runtime.db.write() as conn:
        now = clock.now(conn)
        demotions = {
            row.pk: after_failed_probe(
                row,
                answers[row.pk],
                row.pk in unconfirmed,
                together,
                moved.get(row.pk, ""),
                seen_at,
            )
            for row in dead
        }
        written = services.demote(conn, list(demotions.values()))
        changed = {row.pk for row in dead if row.state != demotions[row.pk]["state"]}
        news = changed | {row.pk for row in dead if _just_moved(row, moved)}
        recent = [row for row in dead if row.pk in news & written - recorded]
        events.add(conn, [_demoted(row, demotions[row.pk], now) for row in recent])
        if changed:
            generations.bump_registry(conn)
    gone = [row for row in recent if demotions[row.pk]["state"] == ServiceState.OFFLINE]
    _log_offline(gone, demotions)
    return len(gone)


def _log_offline(gone: Sequence[ServiceRow], demotions: dict[int, dict[str, Any]]) -> None:
    for row in gone:
        log.warning(
            "algorithm service offline: service_id=%s endpoint=%s reason=%s; its frames go to "
            "other services or wait",
            row.service_id,
            row.endpoint,
            text(demotions[row.pk]["reason"]),
        )


def _just_moved(row: ServiceRow, moved: dict[int, str]) -> bool:
    return row.pk in moved and not moved_to(services.reason_of(row))


def _demoted(row: ServiceRow, values: dict[str, Any], now: float) -> Event:
    return service_events.demoted(row, values["state"], values["reason"], now)
