"""Why a message did not reach all people of `notify_urls`."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message, plural

NOTIFY: Final = (
    plural(
        "notify.not_understood",
        "ai_analysis.notify_urls: number {numbers:list} is not an Apprise URL that this "
        "version understands; https://appriseit.com shows how the URL of each service is "
        "written",
        "ai_analysis.notify_urls: numbers {numbers:list} are not Apprise URLs that this "
        "version understands; https://appriseit.com shows how the URL of each service is "
        "written",
    ),
    message(
        "notify.not_reached",
        "ai_analysis.notify_urls: {failed} of {of_all} not reached: {whys:sentences}",
    ),
    message("notify.no_url", "number {number} is not an Apprise URL that this version understands"),
    # Translators: {service} is a word such as mailto, {why} one of the next texts.
    message("notify.failed", "number {number} ({service}) {why}"),
    message("notify.not_tried", "was not tried"),
    message("notify.no_answer", "did not answer within {within_sec:span}"),
    message("notify.http_status", "refused the message: HTTP status {status}"),
    message("notify.smtp_status", "refused the message: mail server's code {status}"),
    message("notify.no_connection", "was not reached: {error}"),
    message(
        "notify.not_taken",
        "did not take the message: check address, password and that its server answers",
    ),
)
