"""Describes a frame in words and as JSON: its times from capture to settlement, and its picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import click

from easyai.cli.output import duration, iso, moment
from easyai.db import reasons
from easyai.db.frames import FrameRow
from easyai.masking import hide_credentials
from easyai.messages.catalogue import text
from easyai.messages.wording import counted, milliseconds, plain


class Place(NamedTuple):
    """The place of a frame's picture."""

    path: str  # key in the store, '' when the picture is gone
    state: str  # in_place, kept, moving, being_deleted or gone
    text: str  # for people


def picture(row: FrameRow) -> Place:
    """Where the picture of a frame is now, and where it is being moved."""
    path = row.key if row.image_path is None else row.image_path
    if row.image_target is None:
        if path == "":
            return Place("", "gone", f"gone ({row.key})")
        return Place(path, "in_place" if row.image_path is None else "kept", path)
    if row.image_target == "":
        return Place(path, "being_deleted", f"{path} (about to be deleted)")
    return Place(path, "moving", f"{path} (moving to {row.image_target})")


def as_dict(row: FrameRow) -> dict[str, Any]:
    """A frame for scripts; times are ISO 8601 in UTC, null for an event that has not happened."""
    place, reason = picture(row), reasons.read(row, "reason")
    return {
        "id": row.id,
        "key": row.key,
        "task_type": row.task_type,
        "task_id": row.task_id,
        "state": row.state,
        "outcome": row.outcome,
        "reason": text(reason) or None,
        "reason_code": reason.code or None,
        "reason_args": reason.as_json()["args"] if reason else None,
        "attempts": row.attempts,
        "calls_without_result": row.tries,
        "picture": place.path or None,
        "picture_state": place.state,
        "service_id": row.service_id,
        "endpoint": row.endpoint and hide_credentials(row.endpoint),
        "detection_count": row.detection_count,
        "inference_ms": row.inference_ms,
        "alert_id": row.alert_id,
        "captured_at": iso(row.captured_at),
        "found_at": iso(row.found_at),
        "due_at": iso(row.due_at),
        "leased_at": iso(row.leased_at),
        "lease_expires_at": iso(row.lease_expires_at),
        "last_failure_at": iso(_last_failure(row)),
        "settled_at": iso(row.settled_at),
    }


def print_story(rows: Sequence[FrameRow], now: float) -> None:
    """Print the story of each frame as a paragraph; `now` by the database's clock."""
    if len(rows) > 1:
        click.echo(f"The name was used {counted(len(rows), 'time')}; the newest frame first.\n")
    for number, row in enumerate(rows):
        if number:
            click.echo()
        click.echo(plain(row.key))
        for label, value in _lines(row, now):
            click.echo(f"  {label:<10}{plain(value)}")


def _lines(row: FrameRow, now: float) -> Iterator[tuple[str, str]]:
    yield "frame", f"{row.id}, type {row.task_type}, camera {row.task_id}"
    yield "captured", moment(row.captured_at)
    yield "found", f"{moment(row.found_at)} ({duration(now - row.found_at)} ago)"
    if row.tries:
        calls, last = counted(row.tries, "call"), moment(_last_failure(row))
        yield "failed", f"{calls}, the last at {last}; {row.attempts} held against the frame"
    if row.leased_at:
        yield "sent", f"{moment(row.leased_at)} to {_service(row)}"
    yield "state", _state(row, now)
    if row.outcome:
        yield "outcome", _outcome(row)
    if reason := reasons.read(row, "reason"):
        yield "reason", text(reason)
    yield "picture", picture(row).text


def _last_failure(row: FrameRow) -> float:
    """When the last failed call ended; 0 without any. The call that failed a frame settled it."""
    return float(row.settled_at if row.state == "failed" else row.last_failure_at)


def _service(row: FrameRow) -> str:
    if row.service_id is None:
        return "a service that is no longer in the registry"
    return f"{row.service_id} at {hide_credentials(row.endpoint)}"


def _state(row: FrameRow, now: float) -> str:
    if row.state == "pending":
        if row.due_at <= now:
            return f"pending for {duration(now - row.due_at)}: waits for a service with room"
        return f"pending: next attempt in {duration(row.due_at - now)}"
    if row.state == "parked":
        return f"parked for {duration(now - row.due_at)}: waits for a service of its type"
    if row.state == "leased":
        left = (row.lease_expires_at or now) - now
        if left <= 0:
            return "leased, but its worker is silent: the next sweep gives it to another"
        return f"leased: being inferred, the lease is good for {duration(left)}"
    return f"{row.state} at {moment(row.settled_at)}"


def _outcome(row: FrameRow) -> str:
    detections = counted(row.detection_count or 0, "detection")
    words = {
        "alert": f"{detections}, saved as "
        + (f"alert {row.alert_id}" if row.alert_id else "an alert that has been deleted since"),
        "no_detection": "nothing detected, picture deleted by policy",
        "missing": "somebody removed the picture before it was inferred",
        "superseded": "its camera wrote a newer picture under its name before the end",
        "failed": "kept until it is requeued",
        "queue_full": "given up: more than max_queue_size, or the camera's max_frame_count, waited",
        "too_old": "given up: it waited or was kept as long as the settings allow",
        "disk_low": "given up: parked, and less than disk_min_free_percent of the disk was free",
        "discarded": "given up by hand, with the command discard",
        "sampled": "sampled out: only every n-th frame of its camera is inferred",
    }
    answered = row.inference_ms and row.outcome != "failed"
    took = f" ({milliseconds(row.inference_ms)})" if answered else ""
    return words.get(row.outcome, str(row.outcome)) + took
