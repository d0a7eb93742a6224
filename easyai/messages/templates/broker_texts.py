"""Why the broker does not work. {kind} is a word such as redis, {error} the words of a driver."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message

BROKER: Final = (
    message("broker.no_answer", "the broker ({kind}) does not answer: {error}"),
    # Translators: as the text above; the disk is full.
    message("broker.no_room", "the broker ({kind}) does not answer: {error}"),
    message(
        "broker.full",
        "the broker ({kind}) is full (maxmemory) and takes no messages, frames wait: raise "
        "maxmemory, or give the broker a Redis of its own",
    ),
    message(
        "broker.blocked",
        "the broker ({kind}) takes no messages, frames wait: RabbitMQ's memory or disk alarm "
        "is on. Make room on its machine or raise vm_memory_high_watermark; "
        "`rabbitmq-diagnostics alarms` shows the alarm",
    ),
    # Translators: {key} is a parameter of the address.
    message(
        "broker.file_unreadable",
        "the broker ({kind}): cannot read {file}, {key} of easyai.broker_url",
    ),
    message(
        "broker.untrusted",
        "the broker ({kind}) shows a certificate that is not trusted: {error}. Set "
        "ssl_ca_certs in easyai.broker_url to the file of its certificate authority "
        "(docs/tls.md)",
    ),
    message(
        "broker.refuses",
        "the broker ({kind}) refuses us: {error}. See whether easyai.broker_url has the right "
        "user, password and virtual host (docs/brokers.md)",
    ),
    message(
        "broker.no_sentinel",
        "the broker ({kind}): no Sentinel names a Redis, frames wait: see whether the "
        "Sentinels run, and whether master_name and sentinel_password of easyai.broker_url "
        "are right (docs/brokers.md)",
    ),
)
