"""Causes in the calls of services, in the speed of algorithms and in the folders of frames."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message, plural

CAUSES_OF_CALLS: Final = (
    # Translators: the subject of a sentence: services of all that there are.
    message("services.the_only", "The only service"),
    message("services.all", "All {total} services"),
    message("services.some_of", "{number} of {total} services"),
    # Translators: {who} is one of the three texts "services.…".
    plural(
        "cause.inference_hangs.title",
        "{who} lives but inference hangs there: calls get no answer (infer_timeout_sec = "
        "{timeout_sec}) ({services:names})",
        "{who} live but inference hangs there: calls get no answer (infer_timeout_sec = "
        "{timeout_sec}) ({services:names})",
    ),
    message(
        "cause.inference_hangs.heartbeats",
        "Heartbeats of {services:names} arrive: the processes live, their inference hangs",
    ),
    message(
        "cause.inference_hangs.slow",
        "If the services are only slow, raise infer_timeout_sec, or let them register a "
        "smaller max_concurrency",
    ),
    message("cause.inference_fails.title", "Services answer but inference fails ({who:names})"),
    message(
        "cause.inference_fails.title_with_reason",
        "Services answer but inference fails ({who:names}): {reason}",
    ),
    plural(
        "cause.inference_fails.no_success",
        "{task_type}: {n} call failed and none succeeded in {recent_sec:span}",
        "{task_type}: {n} calls failed and none succeeded in {recent_sec:span}",
    ),
    plural(
        "cause.inference_fails.wait_after",
        "{n:count frames} waits after a failed call: {reason}",
        "{n:count frames} wait after a failed call: {reason}",
    ),
    message(
        "cause.inference_fails.of_service",
        "The reason comes from the service: look at its log, then repair and restart it",
    ),
    message(
        "cause.inference_fails.look_at_log",
        "Look at the log of the service, then repair and restart it",
    ),
    message("calls.last", "Last call of {services:names}, {ago_sec:span} ago: {reason}"),
    message("calls.breakers", "Breakers open or half-open: {services:names}"),
    message(
        "calls.in_flight", "{n:count frames} in flight there, the oldest for {oldest_sec:span}"
    ),
    message("calls.last_answer", "Last answer of any of these services: {at:moment}"),
    message("failed.reason", "{n:count frames} of {task_type} failed with: {reason}"),
    plural(
        "failed.refused",
        "{n:count frames} of {task_type} was refused and waits for another try: {reason}",
        "{n:count frames} of {task_type} were refused and wait for another try: {reason}",
    ),
    # Translators: {failed} is a number of frames.
    message(
        "failed.none_succeeded",
        "{task_type}: {failed} failed from {first:moment} to {newest:moment}, none succeeded since",
    ),
    message("failed.look", "See the failed frames of {task_type} with their reasons"),
    message(
        "failed.requeue",
        "Afterwards bring back the frames that failed meanwhile ({n:count frames} of {task_type})",
    ),
    message(
        "cause.pictures_unreachable.title",
        "Algorithms cannot fetch the pictures: their links do not work",
    ),
    message("cause.pictures_unreachable.tried", "A picture link tried now: {why}"),
    message(
        "cause.pictures_unreachable.works_here",
        "A picture link tried now works from here: check the connection from the services to "
        "this server",
    ),
    message("cause.pictures_unreachable.failed_with", "{n:count frames} failed with: {reason}"),
    message(
        "cause.pictures_unreachable.no_api",
        "No API process gives a sign of life; the API serves the pictures",
    ),
    message(
        "cause.pictures_unreachable.ask_here",
        "Run this command on a machine of the services; public_url must be the address under "
        "which the services reach this server",
    ),
    message(
        "cause.pictures_unreachable.ask_store",
        "Ask the object store from a machine of the services",
    ),
    message(
        "cause.pictures_unreachable.settings",
        "See what is configured for host, port and public_url",
    ),
    message(
        "cause.too_slow.title",
        "Algorithms are too slow for the frames that arrive ({task_types:names})",
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
    message("cause.too_slow.none_waits", "no frame waits"),
    message("cause.too_slow.waiting", "{n:count frames} waiting, the oldest for {oldest_sec:span}"),
    message(
        "cause.too_slow.lately_dropped",
        "{task_type}: {dropped} of {total:count frames} dropped in five minutes",
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
        'Nothing, if you do not need the skipped frames: sampling = "auto" goes back to '
        "every frame by itself when the services have room",
    ),
    plural(
        "misspelt.question",
        "did you mean {meant}? The frames come from folder {folder}, camera {cameras:names}",
        "did you mean {meant}? The frames come from folder {folder}, cameras {cameras:names}",
    ),
    message(
        "misspelt.discard",
        "If {meant} is meant: let the camera write to that folder, move the pictures of "
        "{task_type} there if you want to keep them, then give up the frames that wait under "
        "the wrong name (without --dry-run; pictures left there are deleted)",
    ),
    message(
        "cause.task_types_full.title",
        "Frames of some folders are not taken in: max_task_types = {limit}, and so many "
        "types are known. The frames stay in the store until there is room",
    ),
    message(
        "cause.task_types_full.look",
        "See whether the known task types are as you expect: the first level below the "
        "store, and task_types of services, must hold task types and nothing else. A type "
        "that nothing names is forgotten after a day",
    ),
    message(
        "cause.task_types_full.raise_limit",
        "If you need so many task types, raise ai_analysis.max_task_types; types that the "
        "settings name always have room",
    ),
)
