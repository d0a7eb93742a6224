"""Why calls of algorithm services gave no result."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message, plural

CALLS: Final = (
    # Translators: the words of the algorithm service, as they are.
    message("call.refused", "{error}"),
    message("call.refused_silently", "success:false without an error"),
    message("call.http_status", "HTTP status {status}"),
    message("call.http_error", "HTTP status {status}: {error}"),
    message(
        "call.redirected",
        "HTTP status {status}, redirects are not followed: register the address it leads to",
    ),
    message("call.not_json", "not JSON: {body_bytes} bytes"),
    message("call.no_success_field", "no field 'success' of true or false in the answer"),
    # Translators: {why} is one of the texts "connection.…", or words of the operating system.
    message("call.not_connected", "cannot connect: {why}"),
    message("call.timed_out", "no answer within {timeout_sec} s"),
    # Translators: {error} is the name of a Python error, {why} its words or one of the texts here.
    message("call.broken", "{error}: {why}"),
    message("call.not_http", "the answer is not HTTP"),
    message("call.too_large", "the answer is larger than {limit_bytes:size}"),
    message("call.too_many_answers", "more than {limit} answers to one request"),
    message("call.too_many_redirects", "too many redirects"),
    message("call.status", "status {status}"),
    message("call.cut_off", "the connection was closed before the answer was complete"),
    message("call.connection_lost", "the connection was lost"),
    message("call.no_url", "not a usable URL at {host}"),
    message("call.unexplained", "no further details"),
    message("call.internal_error", "internal error: {error}"),
    message("call.not_written", "internal error: the answer could not be written"),
    # Translators: {refusal} is the answer of the service, {why} why the link does not work.
    message("call.link_broken", "{refusal}; its picture link does not work here either: {why}"),
    message("connection.refused", "Connection refused"),
    message("connection.no_route", "No route to host"),
    message("connection.no_network", "Network is unreachable"),
    message("connection.tls", "TLS: {error}"),
    message(
        "service.breaker_opened",
        "{failures:count breaker.failures}, the last one: {reason}",
    ),
    message(
        "service.breaker_closed",
        "it answers again, after {failures:count breaker.failures}",
    ),
    plural("breaker.failures", "{n} failed call in a row", "{n} failed calls in a row"),
)
