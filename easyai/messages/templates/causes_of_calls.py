"""Causes in the calls of services, in the speed of algorithms and in the folders of frames."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message, plural

CAUSES_OF_CALLS: Final = (
    message(
        "cause.too_slow.title", "Algorithms are too slow for what arrives ({task_types:names})"
    ),
    message(
        "cause.too_slow.sample",
        'Or infer each n-th frame only ({task_types:names}): [ai_analysis.types."<type>"] '
        'sampling = "auto"',
    ),
    message(
        "cause.too_slow.more_services",
        "Start more services of the type; a service that can do more at once registers a larger "
        "max_concurrency",
    ),
    # Translators: {waiting} is one of the two texts below.
    message(
        "cause.too_slow.rates",
        "{task_type}: {found_per_sec:.1f} frames/s arrive, {inferred_per_sec:.1f}/s are inferred; "
        "{waiting}",
    ),
    message("cause.too_slow.none_waits", "none waits"),
    message("cause.too_slow.waiting", "{n:count frames} waiting, the oldest for {oldest_sec:span}"),
    message(
        "cause.too_slow.lately_dropped",
        "{task_type}: {dropped} of {total} frames were dropped in five minutes",
    ),
    message("cause.too_slow.dropped", "{task_type}: {dropped} dropped in the last minute"),
    message(
        "cause.too_slow.sampled",
        "{task_type}: {sampled} skipped by sampling in the last minute (1 of {each} is inferred)",
    ),
    message(
        "cause.sampled.title",
        "Algorithms keep up because sampling skips frames ({task_types:names})",
    ),
    message(
        "cause.sampled.nothing",
        'Nothing, if the frames skipped are not missed: sampling = "auto" goes back to every frame '
        "by itself when the services have room",
    ),
    plural(
        "misspelt.question",
        "did you mean {meant}? The frames come from folder {folder}, camera {cameras:names}",
        "did you mean {meant}? The frames come from folder {folder}, cameras {cameras:names}",
    ),
    message(
        "misspelt.discard",
        "If {meant} is meant: let the camera write to that folder, move the pictures of "
        "{task_type} there if they are wanted, then give up what waits under the wrong name "
        "(without --dry-run; pictures left there are deleted)",
    ),
)
