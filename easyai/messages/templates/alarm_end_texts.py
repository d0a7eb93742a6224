"""Texts of alarms that go on, whose cause was found, or that are over."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message, plural

ALARM_ENDS: Final = (
    # Translators: the subject line of a mail has these in every language. {kind} is a code; its
    # name in your language is {kind:word kind}.
    message("alarm_title.raised", "{kind}"),
    message("alarm_title.over", "recovered ({kind})"),
    message("alarm_title.service_online", "service_online"),
    # Translators: `what` is the text of the alarm when it was raised.
    message("alarm.repeated", "not over after {lasted_sec:span}: {what}"),
    message("alarm.explained", "the cause is now known: {cause}; {what}"),
    # Translators: alarms of one message; `more` is the text below, or nothing.
    message("alarm.several", "{alarms:bars}{more}"),
    message("alarm.more", " (+{number})"),
    # Translators: a cause, and the code that stands in the table.
    message("alarm.cause_with_code", "{cause:word cause_over} ({cause})"),
    message("alarm.cause_of", "{cause} ({subjects:names})"),
    message("alarm.causes", "{causes:clauses}"),
    # Translators: {kind} is a code; its name in your language is {kind:word kind}. `of` and
    # `unseen` are texts below, or nothing.
    message(
        "alarm_end.over",
        "over after {lasted}: {kind}{of}; {now:sentences}; the cause was: {cause}{unseen}",
    ),
    message("alarm_end.of", " for {subjects:names}"),
    message("alarm_end.at_most", "at most {lasted_sec:span}"),
    message("alarm_end.maybe_sooner", "; the trouble may have ended earlier: {absence}"),
    # Translators: from here on `now` of alarm_end.over: the present state.
    message("alarm_end.drop_rate", "the drop rate is back to normal"),
    message("alarm_end.bus", "the message bus takes alerts again"),
    message("alarm_end.store", "the frame store works again"),
    message("alarm_end.disk", "there is disk space again"),
    message("alarm_end.clock_steady", "the clock is steady"),
    message("alarm_end.settings", "the settings file is valid again"),
    message("alarm_end.data", "the data folder is back in its place"),
    message(
        "alarm_end.clock_agrees",
        "the clock agrees with the clock of the database, or its machine is gone",
    ),
    message("alarm_end.algorithms", "algorithms are available again"),
    message("alarm_end.unserved", "{held}; no service takes frames of {task_types:names} yet"),
    message("alarm_end.inference", "inference goes on"),
    plural(
        "alarm_end.kept_failed",
        "{n:count frames} of {task_type} is kept as failed, `{command}` brings it back",
        "{n:count frames} of {task_type} are kept as failed, `{command}` brings them back",
    ),
    message("alarm_end.looked_for", "easyai looks for frames again"),
    message("alarm_end.none_since", "{held}, no frame has succeeded since"),
    message(
        "alarm_end.some_go_on",
        "inference of {going:names} goes on; {others:names}: {rest:sentences}",
    ),
    # Translators: these two are `held` of the texts above; `fates` is the third, or nothing.
    plural("alarm_end.still_wait", "{n:count frames} still waits", "{n:count frames} still wait"),
    message("alarm_end.none_waits", "no frame waits any more{fates}"),
    message("alarm_end.fates", " ({fates:clauses})"),
    message("alarm_end.failed", "{failed} failed"),
    message("alarm_end.dropped", "{dropped} dropped in the last minute"),
    plural(
        "alarm_end.queue",
        "{n:count frames} waits in the queue",
        "{n:count frames} wait in the queue",
    ),
    plural(
        "alarm_end.parked",
        "{n:count frames} is parked until a service takes work",
        "{n:count frames} are parked until a service takes work",
    ),
    message("alarm_end.fast", "inference is as fast as it should be"),
    message(
        "alarm_end.few_answers",
        "too few answers in the last minute to measure the speed of inference",
    ),
    message("alarm_end.heartbeats", "heartbeats arrive again"),
    message(
        "alarm_end.some_heartbeats", "heartbeats of {heard} of {services} services arrive again"
    ),
    message("alarm_end.no_heartbeat", "still no heartbeat arrives"),
    message("alarm_end.unheard", "no heartbeat arrives yet from {service_ids:names} (alive)"),
    message("alarm_end.lost", "no longer known to be alive: {service_ids:names}"),
    message(
        "alarm_end.services", "{now:sentences}; after {lasted}; the cause was: {cause}{unseen}"
    ),
    message(
        "alarm_end.services_online",
        "{online} of {services:count services} online again: {endpoints:names}",
    ),
    message("alarm_end.services_gone", "no longer registered: {endpoints:names}"),
    message(
        "alarm_end.service_moved",
        "{service_id} moved from {old} to {new}; nothing needs to be done. This takes the old "
        "endpoint off the list: `{command}`",
    ),
)
