"""The expected content of the ledger, computed from the steps alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from easyai.domain.verdict import CallResult
from easyai.pipeline.answers import Answered
from easyai.pipeline.dispatched import Dispatched
from easyai.settings.schema import TRIPWIRE
from tests.properties.world import LEASE_SEC, Picture
from tests.support.site import TYPE, Row

WAITING = ("pending", "parked")
MAX_ATTEMPTS = 3


@dataclass
class Expected:
    """A frame as it must be in the ledger."""

    task_type: str
    task_id: str
    captured_at: float
    state: str = "pending"
    outcome: str | None = None
    attempts: int = 0
    token: str | None = None
    service_pk: int | None = None
    leased_at: float = 0.0
    expires_at: float = 0.0
    result: str | None = None  # of its alert


class Model:
    """Every frame ever found; each method is the change that a step of the world must make."""

    def __init__(self, seen: Counter[str]) -> None:
        self.frames: dict[int, Expected] = {}
        self._seen = seen  # counts the states that the steps led to

    def found(self, rows: Iterable[Row]) -> None:
        """After a scan: the frames that it recorded are pending."""
        for row in rows:
            if row["id"] not in self.frames:
                frame = Expected(row["task_type"], row["task_id"], row["captured_at"])
                self.frames[row["id"]] = frame

    def given_up(self, rows: Iterable[Row], policy: str) -> None:
        """After an admission: frames that it dropped had waited, and a policy wants them dropped.

        Failed frames are given up by their age alone, which no run of the machine reaches.
        """
        for row in rows:
            frame = self.frames[row["id"]]
            if row["state"] == "dropped" and frame.state != "dropped":
                assert frame.state in WAITING, f"a {frame.state} frame was dropped: {row}"
                assert row["outcome"] == "too_old" or policy != "wait", f"no policy: {row}"
                frame.state, frame.outcome = "dropped", row["outcome"]
                self._seen["dropped"] += 1

    def leased(self, dispatched: Dispatched, now: float, rows: Iterable[Row]) -> None:
        """A dispatch gave these out (rows: the frames after it): each must have waited."""
        aside = {row["id"] for row in rows if _stands_aside(row, now)}
        for leased_frame in dispatched.frames:
            frame = self.frames[leased_frame.id]
            assert frame.state in WAITING, f"frame {leased_frame.id} was leased while {frame.state}"
            if frame.task_type == TRIPWIRE:
                self._assert_next_of_its_camera(leased_frame.id, aside)
            frame.state, frame.token, frame.service_pk = (
                "leased",
                leased_frame.lease_token,
                leased_frame.service_pk,
            )
            frame.leased_at, frame.expires_at = now, now + LEASE_SEC
            self._seen["leased"] += 1

    def _assert_next_of_its_camera(self, frame_id: int, aside: Collection[int]) -> None:
        frame = self.frames[frame_id]
        camera = [
            (expected.captured_at, number, expected.state)
            for number, expected in self.frames.items()
            if (expected.task_type, expected.task_id) == (frame.task_type, frame.task_id)
        ]
        assert all(state != "leased" for _, _, state in camera), "two of a camera in flight"
        waiting = [entry for entry in camera if entry[2] in WAITING and entry[1] not in aside]
        assert frame_id == min(waiting)[1], "out of order"

    def settled(self, group: Iterable[Answered], attempts: dict[int, int]) -> None:
        """A settling was committed: answers whose lease still stood count, others do not.

        `attempts` by frame id, as in the ledger: whether a broken or late answer was held
        against its frame depends on what else the service has answered.
        """
        for answer in group:
            frame = self.frames[answer.frame.id]
            if frame.state == "leased" and frame.token == answer.frame.lease_token:
                self._settle(frame, answer, attempts[answer.frame.id])
                self._seen["settled"] += 1
            else:
                self._seen["late"] += 1

    def _settle(self, frame: Expected, answer: Answered, attempts: int) -> None:
        self._release(frame)
        verdict = answer.verdict
        if verdict.kind is CallResult.INFERRED:
            frame.state = "done"
            frame.outcome = "alert" if verdict.detection_count else "no_detection"
            frame.result = json.dumps(verdict.result, separators=(",", ":"))
            frame.result = frame.result if verdict.detection_count else None
        elif verdict.kind is CallResult.MISSING:
            frame.state, frame.outcome = "done", "missing"
        elif verdict.kind in (CallResult.REFUSED, CallResult.BROKEN, CallResult.TIMEOUT):
            assert attempts == frame.attempts + 1 or verdict.kind is not CallResult.REFUSED
            assert attempts - frame.attempts in (0, 1)
            frame.attempts = attempts
            if frame.attempts >= MAX_ATTEMPTS:
                frame.state, frame.outcome = "failed", "failed"
                self._seen["failed"] += 1

    @staticmethod
    def _release(frame: Expected) -> None:
        frame.state, frame.token, frame.service_pk = "pending", None, None

    def returned(self, tokens: Collection[str | None]) -> None:
        """Leases were given back."""
        for frame in self.frames.values():
            if frame.token in tokens:
                self._release(frame)
                self._seen["returned"] += 1

    def renewed(self, tokens: Collection[str | None], now: float) -> None:
        """Leases were renewed."""
        for frame in self.frames.values():
            if frame.token in tokens:
                frame.expires_at = now + LEASE_SEC

    def swept(self, now: float) -> None:
        """Expired leases return; leases from the future are shortened."""
        for frame in self.frames.values():
            if frame.state == "leased" and frame.leased_at > now:
                frame.expires_at = min(frame.expires_at, now + LEASE_SEC)
            if frame.state == "leased" and frame.expires_at <= now:
                self._release(frame)
                self._seen["expired"] += 1

    def requeued(self, rows: Iterable[Row]) -> None:
        """Failed frames whose picture is at rest (by the rows before) wait again."""
        for row in rows:
            if row["state"] == "failed" and row["image_target"] is None and row["image_path"] != "":
                frame = self.frames[row["id"]]
                frame.state, frame.outcome, frame.attempts = "pending", None, 0
                self._seen["requeued"] += 1

    def alert_deleted(self, frame_id: int) -> None:
        """The alert of a frame was deleted."""
        self.frames[frame_id].result = None
        self._seen["alert deleted"] += 1

    def in_flight(self, **own: Any) -> int:
        """Live leases of an endpoint or a type, or all."""
        return sum(
            frame.state == "leased" and all(getattr(frame, key) == own[key] for key in own)
            for frame in self.frames.values()
        )

    def assert_equal(self, rows: Iterable[Row], alerts: Iterable[Row]) -> None:
        """The ledger equals the model for every frame, and alerts are the settled detections."""
        stand = {row["id"]: row for row in rows}
        assert stand.keys() == self.frames.keys()
        for number, frame in self.frames.items():
            row = stand[number]
            state = "pending" if row["state"] == "parked" else row["state"]
            self._seen["parked"] += row["state"] == "parked"
            assert (state, row["lease_token"]) == (frame.state, frame.token), f"frame {number}"
            if state != "pending":
                assert row["outcome"] == frame.outcome or state == "leased", f"frame {number}"
        saved = sorted((row["frame_id"], row["result"]) for row in alerts)
        expected = sorted((n, frame.result) for n, frame in self.frames.items() if frame.result)
        assert saved == expected, "not an alert for each detection"


def _stands_aside(row: Row, now: float) -> bool:
    """Whether a frame waits longer than for any retry, so that others of its camera may pass."""
    waits_since = row["last_failure_at"]
    return bool(waits_since and row["due_at"] > now and row["due_at"] - waits_since > 6.0)


def assert_pictures(
    pictures: Iterable[Picture], where: dict[int, str], rows: Iterable[Row], alerts: Iterable[Row]
) -> None:
    """Every picture is at the path of its frame, or was not found yet and is at its key."""
    by_version: dict[str, Row] = {}
    for row in rows:
        assert row["version"] not in by_version, f"a picture in two frames: {row['key']}"
        by_version[row["version"]] = row
    paths = {row["frame_id"]: row["image_path"] for row in alerts}
    for picture in pictures:
        found, frame = where.get(picture.number), by_version.get(picture.version)
        if picture.lost:
            assert found is None or frame is None or frame["image_path"] is not None
            continue
        if frame is None:
            assert found == picture.key, f"not found yet, and at {found}"
            continue
        assert found in _allowed(frame, paths), f"{frame} but its picture is at {found}"


def _allowed(frame: Row, paths: dict[int, str]) -> list[str | None]:
    now = frame["key"] if frame["image_path"] is None else frame["image_path"] or None
    then = now if frame["image_target"] is None else frame["image_target"] or None
    if frame["id"] in paths:
        assert paths[frame["id"]] == then, "the alert shows another picture"
    may_go = frame["outcome"] in ("no_detection", "missing") or frame["state"] == "dropped"
    gone_with_its_alert = frame["outcome"] == "alert" and frame["id"] not in paths
    if not (may_go or gone_with_its_alert):
        assert None not in (now, then), f"the picture is given up: {frame}"
    return [now, then]


def assert_within_limits(
    model: Model, dispatched: Dispatched, limits: dict[str, Any], services: dict[int, Row]
) -> None:
    """Whatever was leased just now, every limit that it counts against holds."""
    if not dispatched.frames:
        return
    assert model.in_flight() <= limits["installation"], "limit of the installation"
    if dispatched.frames[0].task_type == TYPE:
        assert model.in_flight(task_type=TYPE) <= limits["type"], "limit of the type"
    for pk in {frame.service_pk for frame in dispatched.frames}:
        for limit in (services[pk]["max_concurrency"], services[pk]["concurrency_cap"]):
            if limit is not None:
                assert model.in_flight(service_pk=pk) <= limit, "limit of a service"
        assert services[pk]["state"] in ("online", "suspect")
        if services[pk]["breaker_open_until"]:
            assert model.in_flight(service_pk=pk) == 1, "a half-open breaker admits a single trial"
