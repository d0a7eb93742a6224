"""Alerts on Kafka: key ``task_id``, value the alert's JSON and nothing else.

The timestamp of a record is the alert's ``created_at``.

The producer of librdkafka is idempotent: a record that its own retries send twice arrives once and
in order.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from easyai.domain.reason import Reason, quote
from easyai.errors import BusUnavailableError
from easyai.publish.bus_interface import CONNECT_SEC, SEND_SEC, Message, Receipt
from easyai.settings.addresses import KAFKA_TLS

# Errors of a single message, whatever the state of the cluster.
_FOR_EVER: Final = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD)
LARGEST_MESSAGE: Final = 100_000_000  # bytes; the limit of librdkafka itself


def _tls() -> dict[str, Any]:
    """TLS with the certificate authorities of the system, or of SSL_CERT_FILE (docs/tls.md).

    librdkafka has its own OpenSSL, which does not look there by itself.
    """
    file = ssl.get_default_verify_paths().cafile
    return {"security.protocol": "ssl", **({"ssl.ca.location": file} if file else {})}


class KafkaBus:
    """A topic."""

    def __init__(self, address: str, topic: str) -> None:
        self._topic = topic
        self._last_error = ""
        self._producer: Any = None
        hosts = address.strip().removeprefix(KAFKA_TLS)
        self._settings: dict[str, Any] = {
            "bootstrap.servers": ",".join(host.strip() for host in hosts.split(",")),
            **(_tls() if hosts != address.strip() else {}),
            "client.id": "easyai",
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 0,  # `send` waits for each wave: lingering for more messages gains nothing
            "message.timeout.ms": int(SEND_SEC * 1000),
            "request.timeout.ms": int(CONNECT_SEC * 1000),
            "socket.timeout.ms": int(CONNECT_SEC * 1000) + 1000,
            "socket.connection.setup.timeout.ms": int(CONNECT_SEC * 1000),
            "socket.keepalive.enable": True,
            "reconnect.backoff.max.ms": 1000,
            "topic.metadata.propagation.max.ms": 2000,
            # The topic's own max.message.bytes decides, not a guess here. Batches stay below
            # every usual limit, so that a large message never takes others down with it.
            "message.max.bytes": LARGEST_MESSAGE,
            "batch.size": 500_000,
            "log_level": 0,
            "error_cb": self._note,
        }

    def send(self, messages: Sequence[Message]) -> Receipt:
        """Produce and wait for the delivery reports."""
        receipt = Receipt()
        waits = {message.alert_id for message in messages}
        producer = self._open()
        for message in messages:
            report = self._reporter(message, receipt, waits)
            try:
                producer.produce(
                    self._topic,
                    message.body,
                    message.task_id.encode(),
                    timestamp=milliseconds(message.created_at),
                    on_delivery=report,
                )
            except KafkaException as error:
                report(error.args[0], None)
        limit = time.monotonic() + SEND_SEC + 2.0
        while waits and time.monotonic() < limit:
            self._poll(producer, 0.1)
        if waits:
            receipt.trouble = receipt.trouble or self._reason(Reason("bus.no_answer"))
        if receipt.trouble:
            # A producer may fail for good without an error (`_poll`). A new producer is cheap.
            self._start_anew()
        return receipt

    def _poll(self, producer: Any, seconds: float) -> None:
        """Receive delivery reports. librdkafka raises a fatal error of the producer here, once.

        For example, a broker that came back empty does not know the sequence numbers of this
        producer. Then librdkafka refuses every further message of this producer.
        """
        try:
            producer.poll(seconds)
        except KafkaException as error:
            self._note(error.args[0])

    def _reporter(
        self, message: Message, receipt: Receipt, waits: set[int]
    ) -> Callable[[KafkaError | None, Any], None]:
        def report(error: KafkaError | None, _message: Any) -> None:
            waits.discard(message.alert_id)
            if error is None:
                receipt.acknowledged.append(message.alert_id)
            elif error.code() in _FOR_EVER:
                refused = Reason.of("bus.kafka_refused", error=quote(error.str()))
                receipt.refused[message.alert_id] = refused
            else:
                receipt.trouble = self._reason(quote(error.str()))

        return report

    def check(self) -> None:
        """Ask for the topic's metadata."""
        producer = self._open()
        try:
            listed = producer.list_topics(self._topic, timeout=CONNECT_SEC)
        except KafkaException as error:
            self._poll(producer, 0)  # records the cause: an unknown name or certificate
            raise BusUnavailableError(self._reason(quote(error.args[0].str()))) from None
        problem = listed.topics[self._topic].error
        if problem is not None:
            raise BusUnavailableError(
                Reason.of("bus.kafka_topic", topic=self._topic, error=quote(problem.str()))
            )

    def close(self) -> None:
        """Drop unacknowledged messages and close the connections."""
        self._start_anew()

    def _open(self) -> Any:
        if self._producer is None:
            self._last_error = ""
            self._producer = Producer(self._settings)
        return self._producer

    def _start_anew(self) -> None:
        # Messages left in the queue would be sent later, unnoticed by the outbox.
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            self._poll(producer, 0)

    def _note(self, error: KafkaError) -> None:
        self._last_error = error.str()

    def _reason(self, error: str | Reason) -> Reason:
        if self._last_error:
            return Reason.of("bus.kafka_after", error=error, last_error=quote(self._last_error))
        return Reason.of("bus.kafka", error=error)


def milliseconds(moment: float) -> int:
    """Unix milliseconds, cut as in the alert's ``created_at`` (to the microsecond first)."""
    return round(moment * 1_000_000) // 1000
