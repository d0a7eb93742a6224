"""Actions of operators, and where the operators called from."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message, plural

ACTIONS: Final = (
    # Translators: {actor} is who did {done}; both are texts of this list.
    message("action.noted", "{actor}: {done}"),
    # Translators: {person} is a name, {place} a text below.
    message("actor.person", "{person}, {place}"),
    message("actor.local", "from this machine ({address})"),
    message("actor.operator", "from {address} with the operator's token"),
    message("actor.viewer", "from {address} with the viewer's token"),
    message("actor.without_token", "from {address} without a token"),
    message("actor.unknown_address", "an unknown address"),
    message("action.logged_in", "logged in to the dashboard"),
    message("action.logged_out", "logged out of the dashboard"),
    message("action.statistics_reset", "reset the statistics of inference"),
    # Translators: {cameras} is "task type/camera", or "task type/*".
    plural(
        "action.frames_given_up",
        "gives up {n} waiting frame: {cameras}",
        "gives up {n} waiting frames: {cameras}",
    ),
    plural(
        "action.alerts_deleted", "deleted {n} alert: {ids:list}", "deleted {n} alerts: {ids:list}"
    ),
    message(
        "action.alerts_chosen_deleted",
        "deletes the alerts that a filter chose, up to alert {up_to}",
    ),
    plural(
        "action.frames_requeued",
        "requeued {n} failed frame",
        "requeued {n} failed frames",
    ),
    # Translators: {alarm} is a code and perhaps a task type or an address.
    message("action.alarm_acknowledged", "acknowledged the alarm {alarm}"),
    message("action.alarm_noted", "added a note to the alarm {alarm}"),
    # Translators: {scope} is incident, task_type, camera or kind, {value} an alarm or a name.
    message(
        "action.muted", "muted the notifications of people for {for_sec:span}: {scope} {value}"
    ),
    message("action.unmuted", "ended the mute of the notifications: {scope} {value}"),
    message("action.approved", "approved {endpoints}"),
    message("action.unregistered", "unregistered {endpoints}"),
    # Translators: stands behind "approved" or "unregistered".
    plural(
        "action.endpoints", "{n} endpoint of {services:list}", "{n} endpoints of {services:list}"
    ),
)
