"""Outcomes of frames and of their pictures."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message, plural

FRAMES: Final = (
    message("frame.not_called", "not called: its lease was not renewed in time"),
    # Translators: {error} is the answer of the service, in the language of its author.
    message("frame.refused", "refused by its service: {error}"),
    message("frame.picture_gone", "the picture has gone from the store"),
    message("frame.picture_replaced", "a newer picture had taken its key"),
    message("frame.picture_lost", "the picture was gone before it could be moved"),
    message("frame.picture_foreign", "another picture lay where this one had been put"),
    message(
        "frame.not_in_backup",
        "its picture was not there when a backup was restored: inferred since, or deleted",
    ),
    message("frame.discarded", "given up by request (discard)"),
    plural(
        "frame.queue_full",
        "more than {n} frame waited (queue_full_strategy {strategy})",
        "more than {n} frames waited (queue_full_strategy {strategy})",
    ),
    plural(
        "frame.camera_full",
        "more than {n} frame of this camera waited (max_frame_count)",
        "more than {n} frames of this camera waited (max_frame_count)",
    ),
    message("frame.waited_too_long", "waited for {limit_hours} hours (outage_retention_hours)"),
    message("frame.failed_long_ago", "failed {limit_days} days ago (failed_retention_days)"),
    message(
        "frame.disk_low",
        "less than {limit_percent:count percent} of the disk was free (disk_min_free_percent)",
    ),
    # Translators: {outcome} is a code, such as queue_full; {reason} one of the texts above.
    message("frames.dropped", "{outcome}: {n:count frames} at first: {reason}"),
    plural(
        "frames.parked",
        "{n} frame parked: no service of this type takes work",
        "{n} frames parked: no service of this type takes work",
    ),
    plural(
        "frames.taken_back",
        "{n} frame waits again: its worker on this machine has ended",
        "{n} frames wait again: their worker on this machine has ended",
    ),
    plural(
        "frames.leases_expired",
        "{n} frame waits again: its worker died, or could not renew its lease",
        "{n} frames wait again: their worker died, or could not renew their leases",
    ),
    message(
        "sampling.changed",
        "1 of {now:count frames} of each camera is inferred, before that 1 of {before}: "
        "{found_per_sec:.1f} found and {inferred_per_sec:.1f} inferred per second, {waiting} "
        "waiting",
    ),
    # Translators: {count} folders.
    message(
        "task_types.full",
        "folders not taken in: count={count}, because max_task_types = {limit}, and so "
        "many types are known; their frames stay in the store: {folders:list}",
    ),
    message(
        "layout.by_date",
        "pictures in folders of dates are left alone, such as {folder}: the first folder "
        "must be the task type, the second the camera, and dates come below them: {pattern}",
    ),
    message(
        "backup.restored",
        "restored from a backup of {created}; {waiting:count frames} waiting, {gone:count frames} "
        "more whose picture is missing; the next alert has id {next_alert_id}",
    ),
)
