"""The invariants after every fault, once everything has settled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from tests.faults.expected import expected
from tests.faults.fleet import Fleet, Request, most_in_flight
from tests.faults.ledger_view import LedgerView, by_key

_SHOWN = 5  # examples in a message


@dataclass(frozen=True)
class Fates:
    """How many frames had which fate."""

    put_in: int
    alerts: int
    no_detection: int
    failed: int
    given_up: int  # by a policy of the operator, or the picture was taken away
    sent: int  # requests at the algorithms


def check(
    ledger: LedgerView,
    frames: Path | None,
    keys: Sequence[str],
    fleets: Sequence[Fleet],
    *,
    limit: int,
    pardoned: Sequence[str] = (),
    excused: Set[str] = frozenset(),
) -> Fates:
    """Assert every invariant; the fates for the report.

    `frames`: the folder of the pictures; None where they lie elsewhere, which is not looked at.
    `limit` is max_concurrent_infer; `pardoned` names outcomes that the fault itself brings about
    (such as missing, too_old) besides the fate that the algorithm's answer asks for; `excused` are
    keys whose picture it took away, perhaps before anybody could find it.
    """
    outcomes = _check_fates(ledger, keys, pardoned, excused)
    _check_alerts(ledger, outcomes)
    if frames is not None:
        _check_pictures(frames, outcomes, excused)
    sent = _check_requests(fleets, outcomes, pardoned, limit)
    counts = Counter(outcomes.values())
    known = ("alert", "no_detection", "failed")
    given_up = sum(count for outcome, count in counts.items() if outcome not in known)
    return Fates(
        put_in=len(keys),
        alerts=counts["alert"],
        no_detection=counts["no_detection"],
        failed=counts["failed"],
        given_up=given_up,
        sent=sent,
    )


def _check_fates(
    ledger: LedgerView, keys: Sequence[str], pardoned: Sequence[str], excused: Set[str]
) -> dict[str, str]:
    assert len(keys) == len(set(keys)), "the camera used a name twice"
    rows = by_key(ledger.frames())
    _none(set(keys) - set(rows) - excused, "frames without a row")
    _none(set(rows) - set(keys), "rows without a frame")
    _none([key for key, own in rows.items() if len(own) != 1], "frames with more than one row")
    outcomes = {key: own[0].outcome or own[0].state for key, own in rows.items()}
    wrong = [
        (key, outcome, rows[key][0].reason)
        for key, outcome in outcomes.items()
        if outcome != expected(key).outcome and outcome not in pardoned
    ]
    _none(wrong, "frames whose fate is not what the algorithm answered")
    return outcomes


def _check_alerts(ledger: LedgerView, outcomes: dict[str, str]) -> None:
    key_of = {row.id: row.key for row in ledger.frames()}
    alerts = ledger.alerts()
    found = Counter(key_of[row.frame_id] for row in alerts)
    wanted = {key for key, outcome in outcomes.items() if outcome == "alert"}
    _none([key for key, count in found.items() if count != 1], "frames with two alerts")
    _none(wanted - set(found), "detections without an alert")
    _none(set(found) - wanted, "alerts without a detection")
    counts = [
        (key_of[row.frame_id], row.detection_count, expected(key_of[row.frame_id]).detections)
        for row in alerts
        if row.detection_count != expected(key_of[row.frame_id]).detections
    ]
    _none(counts, "alerts with another count than the algorithm's (key, saved, answered)")


def _check_pictures(frames: Path, outcomes: dict[str, str], excused: Set[str]) -> None:
    folders = {"alert": "alerts/", "failed": "failed/"}
    wanted = {folders[outcome] + key for key, outcome in outcomes.items() if outcome in folders}
    found = {
        str(path.relative_to(frames))
        for path in frames.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
    taken_away = {folder + key for key in excused for folder in folders.values()}
    _none(wanted - found - taken_away, "pictures that should be kept and are not there")
    _none(found - wanted, "pictures that nothing accounts for")


def _check_requests(
    fleets: Sequence[Fleet], outcomes: dict[str, str], pardoned: Sequence[str], limit: int
) -> int:
    received: list[Request] = []
    for fleet in fleets:
        own = fleet.requests()
        for service_id in fleet.ports:
            most = most_in_flight([request for request in own if request.service_id == service_id])
            assert most <= fleet.max_concurrency, f"{service_id} had {most} frames at once"
        received += own
    most = most_in_flight(received)
    assert most <= limit, f"{most} frames in flight over all services, the limit is {limit}"
    answered = {request.key for request in received if request.what in ("answered", "refused")}
    settled = {key for key, outcome in outcomes.items() if outcome not in pardoned}
    _none(settled - answered, "frames settled without an answer")
    _none({request.key for request in received} - set(outcomes), "requests about unknown frames")
    return len(received)


def _none(wrong: Sequence[object] | set[str], what: str) -> None:
    some = sorted(wrong, key=str)[:_SHOWN]
    assert not wrong, f"{len(wrong)} {what}, such as {some}"
