"""Texts of alarms: what is wrong, since when, why, and what to do next.

Some English words are the contract's (section 6): operators search their logs for them.
"""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message, plural

ALARMS: Final = (
    message(
        "alarm.stalled",
        "inference stands still: {held:clauses} and none succeeded for {lasted}",
    ),
    message("alarm.stalled_blind", "inference stands still: for {lasted} no frame could be found"),
    message(
        "alarm.scan_silent",
        "no scan has run for {lasted}: frames that wait or are named over REST are inferred, "
        "others are not found, and services are not watched",
    ),
    # Translators: `lasted` of many texts.
    message("alarm.lasted_between", "{shortest_sec:span} to {longest_sec:span}"),
    # Translators: these three are `held` of alarm.stalled; `of` is the text below, or nothing.
    plural("alarm.waiting", "{n:count frames}{of} waits", "{n:count frames}{of} wait"),
    message("alarm.in_flight", "{flying:count frames}{of} in flight"),
    message("alarm.failed", "{failed}{of} failed"),
    message("alarm.of_types", " of {task_types:names}"),
    message("alarm.cause_unknown", "The cause is not known"),
    message("alarm.because", "{cause}. {evidence}"),
    # Translators: `command` is the text below, or nothing; `report` a command line.
    message("alarm.next", "{remedy}{command}; the whole report: `{report}`"),
    message("alarm.command", ": `{command}`"),
    message("alarm.report", "The whole report: `{report}`"),
    message("alarm.run", "Run `{run}`"),
    message(
        "alarm.backlog",
        "inference backlog alert: {waiting} frames wait, more than max_queue_size = {most}; "
        "{fate}. Add services of the busy types{sample}",
    ),
    message("alarm.none_dropped", "no frame is dropped (queue_full_strategy = wait)"),
    message("alarm.frames_dropped", "frames are dropped (queue_full_strategy = {strategy})"),
    # Translators: part of alarm.backlog and alarm.drops.
    message("alarm.or_sample", ", or set sampling for {task_types:names}"),
    message(
        "alarm.drops",
        "high drop rate: {dropped} of {total} frames ({percent:.0f} %) were dropped in five "
        "minutes, mostly of the types {worst:list}. Add services of these types{sample}. See "
        "`{command}` for all types",
    ),
    message("alarm.dropped_of", "{task_type:names} ({dropped})"),
    message(
        "alarm.slow",
        "slow inference: {task_type} takes {mean_ms:.0f} ms a frame, more than "
        "slow_inference_ms = {most_ms}. See `{command}` for the slow service",
    ),
    message("alarm.check_failed", "{kind:word alarm_check}: {why}. Run `{run}`"),
    message("alarm_check.store_down", "the frame store does not work, no frame is found or read"),
    message(
        "alarm_check.bus_down",
        "the message bus does not take alerts, they wait in the table and are sent in order later",
    ),
    message("alarm_check.disk_low", "disk space runs low"),
    message(
        "alarm_check.settings_invalid",
        "the settings file has a mistake; easyai goes on with the last good settings",
    ),
    message("alarm_check.data_moved", "the data folder is not in its place"),
    plural(
        "alarm.outbox",
        "alerts do not reach the message bus ({bus}): the bus answers, but {n} alert waits "
        "and no alert was acknowledged for {still_sec:span}. The alerts are kept and sent in "
        "order later. Look at the worker's log and the topic's rights, then run `{command}`",
        "alerts do not reach the message bus ({bus}): the bus answers, but {n} alerts wait "
        "and no alert was acknowledged for {still_sec:span}. The alerts are kept and sent in "
        "order later. Look at the worker's log and the topic's rights, then run `{command}`",
    ),
    message("alarm.none_acknowledged", "alerts wait, the bus acknowledges none of them"),
    message(
        "alarm.clock_jump",
        "the clock of this machine jumped {way:word clock_way} by {by_sec:span}; heartbeats and "
        "times of frames look wrong for a moment and correct themselves. Check its time service "
        "(timedatectl)",
    ),
    message("clock_way.forward", "forward"),
    message("clock_way.back", "back"),
    # Translators: `off` is such as "5 s ahead".
    message(
        "alarm.clock_off",
        "the clock of {host} is {off} of the database's. Inference goes on by the clock of the "
        "database; but names and folders of pictures, logs and the links of an object store are "
        "wrong there. Start its time service: `timedatectl set-ntp true`, then `chronyc makestep`",
    ),
    message("event.clock_jumped", "the clock of this machine jumped by {jump_sec:shift}"),
    # Translators: nothing of easyai ran between these two moments.
    message(
        "alarm.not_running", "easyai gave no sign of life from {since:moment} to {until:moment}"
    ),
    plural(
        "alarm.absence",
        "{absence} ({lasted_sec:span}): easyai was killed, the power was lost, or its "
        "database was away. easyai runs again; {n:count frames} waits{before}",
        "{absence} ({lasted_sec:span}): easyai was killed, the power was lost, or its "
        "database was away. easyai runs again; {n:count frames} wait{before}",
    ),
    # Translators: `before` of the text above.
    message("alarm.before_goes_on", "; the earlier alarm goes on"),
)

SERVICE_ALARMS: Final = (
    plural(
        "alarm.no_algorithm",
        "no algorithm for task type: {task_type}; {n:count frames} waits until a service of this "
        "type registers or answers again.{meant} See `{command}`",
        "no algorithm for task type: {task_type}; {n:count frames} wait until a service of this "
        "type registers or answers again.{meant} See `{command}`",
    ),
    # Translators: part of the line above: whether a folder's name is a slip of the pen.
    message("alarm.meant", " {question:capital}."),
    message(
        "alarm.no_algorithm_of_many",
        "no algorithm for task type: {task_types:names} ({number} types); {waiting:count frames} "
        "waiting until services of these types register or answer again. See `{command}`",
    ),
    message(
        "alarm.no_algorithm_at_all",
        "no algorithm service at all: {state}; {held}. Frames are kept",
    ),
    # Translators: these two are `state` of the line above; the third is `held` of it.
    message("alarm.none_answers", "{registered} registered, none answers"),
    message("alarm.none_registered", "none is registered"),
    message("alarm.none_waits", "no frame waits"),
    message(
        "alarm.service_offline",
        "algorithm service offline: {service_id} at {endpoint} ({task_types:names}), silent "
        "for {silent_sec:span}, {why}. easyai probes the service and uses it again once it "
        "answers. If the service is gone for good: `{command}`",
    ),
    # Translators: `where` is one of the four texts below.
    plural(
        "alarm.heartbeats_missing",
        "no heartbeats arrive: {n} of {living:count living_services} was not heard "
        "for {silent_sec:span} ({service_ids:names}). Inference goes on as long as they "
        "answer. {where}. Run `{run}`",
        "no heartbeats arrive: {n} of {living:count living_services} were not heard "
        "for {silent_sec:span} ({service_ids:names}). Inference goes on as long as they "
        "answer. {where}. Run `{run}`",
    ),
    message("alarm.no_api", "No API of easyai runs, so nothing receives heartbeats"),
    message(
        "alarm.all_silent",
        "All fell silent at once: that points at this server or the network, not at the services",
    ),
    message(
        "alarm.most_silent",
        "Most services are silent: that points at this server, its firewall or the network, "
        "not at the services",
    ),
    message(
        "alarm.few_silent",
        "Check the connection from their machine to this server; if it works, restart their "
        "heartbeat loop",
    ),
    message(
        "alarm.services_offline",
        "{offline} of {services:count services} offline: {endpoints:names}; {cause}{common}. "
        "easyai probes them and uses them again once they answer; unregister services that "
        "are gone for good",
    ),
    # Translators: part of the line above.
    message(
        "alarm.common_cause",
        ". Many services offline at once usually have a common cause: check their machine, "
        "the network between, and whether the address or clock of this machine has changed",
    ),
)
