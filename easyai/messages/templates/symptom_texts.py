"""The symptom of a diagnosis: the state of inference as seen from outside."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message, plural

SYMPTOM: Final = (
    message(
        "symptom.database_silent",
        "It is unknown whether inference goes on: the database does not answer. Frames that "
        "arrive stay where they are and wait",
    ),
    message(
        "symptom.switched_off",
        "Inference is switched off (ai_analysis.enable = false): pictures in the folder are not "
        "looked for and not counted",
    ),
    message(
        "symptom.never_scanned",
        "Inference stands still, no scan has been done yet: pictures in the folder are not "
        "counted yet",
    ),
    message(
        "symptom.not_scanned",
        "Inference has stood still since {since:moment}, for {lasted_sec:span}: pictures in the "
        "folder are not counted yet",
    ),
    plural(
        "symptom.known_waiting",
        "{n:count frames} is known to wait; {success}; now: {now:moment}",
        "{n:count frames} are known to wait; {success}; now: {now:moment}",
    ),
    message("symptom.waiting", "{waiting:count frames} waiting; {success}; now: {now:moment}"),
    # Translators: these two are part of the two lines above.
    message("symptom.last_success", "last success {at:moment}"),
    message("symptom.no_success", "no success is recorded"),
    message("symptom.well", "All is well at {now:moment}"),
    message("symptom.well_counts", "{services}, {waiting:count frames} waiting, {success}"),
    # Translators: from here on, parts of the line above.
    plural(
        "symptom.services_at_work",
        "{n} of {registered:count services} takes work",
        "{n} of {registered:count services} take work",
    ),
    message("symptom.no_service_ever", "No service has ever registered"),
    message("symptom.success_ago", "last success {ago_sec:span} ago"),
    message("symptom.none_lately", "no frame inferred lately"),
    message("symptom.checks_pass", "All {number} checks pass: {names:word check}"),
    message(
        "symptom.no_success_since", "Inference has stood still and no frame has succeeded since"
    ),
    message("symptom.threatened", "Nothing waits too long yet, but inference stops or will stop"),
    message("symptom.degraded", "Inference goes on, but not all is well"),
    message("symptom.ringing", "Alarms ringing: {alarms:list}"),
    message(
        "symptom.still_ringing",
        "No cause is found any more; alarms still ringing: {alarms:list}",
    ),
    message("symptom.check_fails", "The check “{name:word check}” fails: {why}"),
    message("symptom.no_cause", "No cause is found yet"),
    # Translators: an alarm of the lines above; `kind` is its name in English.
    message("symptom.alarm", "{kind}"),
    message("symptom.alarm_of", "{kind} ({subjects:names})"),
    message(
        "stalled.all",
        "Inference has stood still since {since:moment}, for {lasted_sec:span}: "
        "{held} and none succeeds",
    ),
    message(
        "stalled.some",
        "Inference of {task_types:names} has stood still since {since:moment}, for "
        "{lasted_sec:span}: {held} and none succeeds",
    ),
    # Translators: these three are `held` of the two lines above.
    message("stalled.waiting", "{waiting:count frames} waiting"),
    message("stalled.failed", "{failed} failed"),
    message("stalled.failed_and_waiting", "{failed} failed, {waiting:count frames} waiting"),
    plural(
        "stalled.no_service",
        "No service is registered for {task_types:names}: {n:count frames} waits since "
        "{since:moment}, for {lasted_sec:span}",
        "No service is registered for {task_types:names}: {n:count frames} wait since "
        "{since:moment}, for {lasted_sec:span}",
    ),
    message("stalled.last_success", "Last success: {at:moment}; now: {now:moment}"),
    message("stalled.no_success", "No success is recorded; now: {now:moment}"),
    message(
        "stalled.kept",
        "No frame is lost by this: frames are kept and inferred once the cause is gone "
        "(limits: outage_retention_hours, disk_min_free_percent)",
    ),
    message(
        "stalled.failed_kept",
        "Failed frames are kept with their pictures (limit: failed_retention_days) and inferred "
        "anew once they are requeued",
    ),
)
