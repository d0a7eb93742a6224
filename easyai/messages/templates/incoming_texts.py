"""What became of the word of a picture, and why a frame folder is not watched."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message, plural

INCOMING: Final = (
    message("incoming.switched_off", "scanning is switched off: ai_analysis.enable = false"),
    message("incoming.types_full", "no place for another task type (max_task_types)"),
    message(
        "incoming.in_order",
        "frames of this type go in order: the next scan takes it in",
    ),
    message(
        "incoming.no_frame",
        "not the key of a frame: <task_type>/<task_id>/…/<name> with .jpg, .jpeg or .png",
    ),
    message(
        "incoming.date_folder", "a date is no task type: dates come below the folder of the camera"
    ),
    message("incoming.half_written", "not complete yet: the next scans look again"),
    message("incoming.not_there", "not in the store, or empty"),
    message("incoming.other_bucket", "another bucket: {bucket}"),
    plural(
        "incoming.watches_used_up",
        "only {n} folder is watched: fs.inotify.max_user_watches is {limit}; raise it by sysctl",
        "only {n} folders are watched: fs.inotify.max_user_watches is {limit}; raise it by sysctl",
    ),
    # Translators: {error} are words of the operating system.
    message("incoming.not_watched", "the frame folder cannot be watched: {error}"),
    message(
        "incoming.nobody_watches",
        "no worker watches the frame folder any more, frames wait for the next scan; the worker's "
        "log says why",
    ),
)
