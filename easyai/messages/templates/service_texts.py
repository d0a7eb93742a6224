"""Services: the reasons of their states, their events, the results of their probes."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message, plural

SERVICES: Final = (
    # Translators: from here on, why a service is in its state.
    message("service.registered", "registered"),
    message("service.registered_again", "registered again"),
    message("service.registered_version", "registered, version {version}"),
    message("service.replaced", "registered in place of service_id={before}"),
    message("service.replaced_often", "registered in place of service_id={before} ({times} ×)"),
    message("service.heartbeat", "heartbeat"),
    message("service.probed", "a probe was answered"),
    message("service.inferred", "an inference succeeded"),
    message("service.no_heartbeat", "no heartbeat for {silent_sec:.0f} s{together}"),
    # Translators: {answer} is one of the texts "probe.…" or "connection.…"; what follows it are the
    # texts "service.though_heard", "service.together" and "service.moved", each may be missing.
    message("service.probe_failed", "probe failed: {answer}{heard}{together}{moved}"),
    # Translators: {calls} is why the last call failed.
    message(
        "service.calls_fail",
        "calls fail ({calls}) though heartbeats of its id arrive; probe failed: "
        "{answer}{together}{moved}",
    ),
    message(
        "service.calls_and_probe_fail",
        "calls fail ({calls}); probe failed: {answer}{together}{moved}",
    ),
    message("service.no_reason_known", "no reason known"),
    # Translators: at the end of a line about a service, behind a semicolon.
    plural(
        "service.last_calls_failed",
        "its last call failed: {why}",
        "its last {n} calls failed: {why}",
    ),
    # Translators: these three end another text.
    message("service.though_heard", ", though heartbeats of its id arrive"),
    message("service.together", "; {silent} of {online} services at once"),
    message("service.moved", "; moved to {endpoint}"),
    message("service.unregistered", "unregistered by request, by {by}"),
    message("service.all_cleared", "all services were cleared by request (clear_all)"),
    message(
        "service.waits_for_approval",
        "waits for approval: approve it with the command `services approve`",
    ),
    # Translators: from here on, events.
    # Translators: {what} is an event of a service.
    message("service.event", "service_id={service_id}: {what}"),
    # Translators: {what} is one of the texts "service.registered…" or "service.replaced…".
    message("service.event_registered", "service_id={service_id} {what}"),
    message("service.asks_approval", "waits for approval, asked from {source}"),
    # Translators: {evidence} is a text such as "service.heartbeat", {was} a state.
    message("service.back", "{evidence}; it was {was:word state} for {away_sec:.0f} s"),
    # Translators: {blame} is the text "service.look_here".
    message("service.probed_of_many", "a probe was answered; {blame}"),
    # Translators: many live services fell silent at once; {own_api} is one of the next two texts.
    message(
        "service.look_here",
        "{living} of {online} services at once, so look at this server first ({own_api})",
    ),
    message("own_api.silent", "its API does not answer at {url}: {answer}"),
    message("own_api.answers", "its API answers at {url}"),
    message(
        "heartbeats.too_rare",
        "sends a heartbeat every {pause_sec} s, heartbeat_timeout_sec is {timeout_sec}",
    ),
    message(
        "heartbeats.in_time_again",
        "sends a heartbeat every {pause_sec} s, heartbeat_timeout_sec is {timeout_sec}, in "
        "time again",
    ),
    # Translators: from here on, the result of a probe of a service.
    message("probe.answered", "answers"),
    message("probe.none", "no answer"),
    message("probe.not_asked", "not asked"),
    message("probe.no_answer", "no answer within {limit_sec} s"),
    message("probe.no_connection", "no connection within {limit_sec} s"),
    message("probe.status", "status {status}"),
    # Translators: from here on, why services were not watched for a while.
    message("watch.database_clock_jumped", "the clock of the database jumped by {jump_sec:shift}"),
    message("watch.server_clock_jumped", "the clock of this server jumped by {jump_sec:shift}"),
    message(
        "watch.database_clock_set_back",
        "the clock of the database was set back by {back_sec:span}",
    ),
    message(
        "watch.server_clock_set_back",
        "the clock of this server was set back by {back_sec:span}",
    ),
    message("watch.gap", "this server was not watching for {gap_sec:span}"),
)
