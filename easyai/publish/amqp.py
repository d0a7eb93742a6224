"""Alerts on RabbitMQ: a durable topic exchange named as the topic, publisher confirms.

The routing key is ``<task_type>.<task_id>``. RabbitMQ drops a message without a bound queue: a
consumer of alerts binds a durable queue.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import amqp
from amqp.exceptions import AccessRefused, AMQPError, MessageNacked, PreconditionFailed

from easyai.domain.reason import Reason, quote
from easyai.errors import BusUnavailableError
from easyai.publish.amqp_confirms import Confirms
from easyai.publish.bus_interface import CONNECT_SEC, SEND_SEC, Message, Receipt
from easyai.settings.addresses import no_address_of
from easyai.settings.server_tls import of_amqp
from easyai.settings.server_url import parse_server_url

_TROUBLE: Final = (AMQPError, MessageNacked, OSError)
_LONGEST_KEY: Final = 255  # bytes; AMQP 0-9-1, section 4.2.5.3
_PERSISTENT: Final = 2
_ALARM: Final = Reason("bus.rabbitmq_blocked")


class _AlarmError(Exception):
    """RabbitMQ has blocked this connection: its memory or disk alarm is on."""


class _NoConfirmError(TimeoutError):
    """RabbitMQ has not confirmed a wave in time."""


class AmqpBus:
    """A topic exchange.

    A connection that an alarm blocks is kept. RabbitMQ would not even notice its close, so each new
    connection would stay there with all messages sent on it, until the alarm is over.
    """

    def __init__(self, address: str, exchange: str) -> None:
        try:
            self._login = amqp_login(address.strip())
        except ValueError:
            # The error's text may repeat a part of the password.
            raise no_address_of("rabbitmq") from None
        self._exchange = exchange
        self._connection: Any = None
        self._channel: Any = None
        self._prober: Any = None
        self._confirms = Confirms()
        self._blocked = False

    def send(self, messages: Sequence[Message]) -> Receipt:
        """Publish persistent messages and wait for the confirms."""
        kept = self._connection is not None
        receipt = self._try(messages)
        lost = bool(receipt.trouble) and self._connection is None
        if kept and lost and self._confirms.lost_at_once:
            # A connection that was opened before RabbitMQ's restart fails the first time.
            receipt = self._try(messages)
        return receipt

    def _try(self, messages: Sequence[Message]) -> Receipt:
        receipt = Receipt()
        confirms = self._confirms
        confirms.begin(receipt)
        try:
            channel = self._open()
            for message in messages:
                self._publish(channel, message)
                confirms.expect(message)  # not earlier: during an alarm, it was not sent
            self._wait()
        except _AlarmError:
            receipt.trouble = _ALARM
        except PreconditionFailed as error:
            self._drop()
            if not confirms.refuse_too_large(str(error)):
                receipt.trouble = _reason(error)
        except _TROUBLE as error:
            receipt.trouble = self._failed(error)
        return receipt

    def _publish(self, channel: Any, message: Message) -> None:
        channel.basic_publish(
            amqp.Message(
                message.body,
                content_type="application/json",
                content_encoding="utf-8",
                delivery_mode=_PERSISTENT,
                message_id=str(message.alert_id),
            ),
            exchange=self._exchange,
            routing_key=routing_key(message),
        )

    def _wait(self) -> None:
        limit = time.monotonic() + SEND_SEC
        while self._confirms.pending:
            left = limit - time.monotonic()
            if left <= 0:
                raise _NoConfirmError
            with suppress(TimeoutError):  # the loop raises _NoConfirmError instead
                self._connection.drain_events(timeout=left)

    def check(self) -> None:
        """Declare the exchange, which needs the login, its permissions and the exchange's type.

        Publishes an empty message as well, see `_probe`.
        """
        for _ in range(2 if self._connection is not None else 1):
            kept = self._connection is not None
            try:
                channel = self._open()
                if kept:  # a new connection has just been probed
                    self._probe()
                self._declare(channel)
            except _AlarmError:
                raise BusUnavailableError(_ALARM) from None
            except _TROUBLE as error:
                failure = self._failed(error)
            else:
                return
        raise BusUnavailableError(failure)

    def close(self) -> None:
        """Close the connection in order, so that RabbitMQ logs no lost client."""
        connection = self._connection
        # A blocked connection would wait for the answer.
        if connection is not None and connection.connected and not self._blocked:
            with suppress(_AlarmError, *_TROUBLE):  # it ends either way
                connection.close()
        self._drop()

    def _open(self) -> Any:
        if self._connection is None:
            self._connect()
        elif self._blocked:
            self._listen()
        if self._channel is None:
            channel = self._connection.channel()
            self._declare(channel)
            channel.confirm_select()
            channel.events["basic_ack"].add(self._confirms.acked)
            channel.events["basic_nack"].add(self._confirms.nacked)
            self._confirms.reset()
            self._channel = channel
        return self._channel

    def _connect(self) -> None:
        self._connection = amqp.Connection(
            **self._login,
            connect_timeout=CONNECT_SEC,
            on_blocked=self._on_blocked,
            on_unblocked=self._on_unblocked,
        )
        self._connection.connect()
        self._connection.transport.sock.settimeout(SEND_SEC)
        self._prober = self._connection.channel()
        self._probe()

    def _probe(self) -> None:
        """Publish an empty message to a queue that cannot exist.

        During an alarm, RabbitMQ blocks and notifies only connections that publish. After this
        probe, the next call on such a connection raises _AlarmError.
        """
        if self._prober is None:
            return
        try:
            self._prober.basic_publish_confirm(
                amqp.Message(b""), exchange="", routing_key="", confirm_timeout=CONNECT_SEC
            )
        except AccessRefused:
            self._prober = None  # no permission for the default exchange: the alerts will show

    def _listen(self) -> None:
        """Receive RabbitMQ's frames since the last call. Raises _AlarmError while it blocks us."""
        with suppress(TimeoutError):
            while True:
                self._connection.drain_events(timeout=0)
        if self._blocked:
            raise _AlarmError

    def _on_blocked(self, _reason: str) -> None:
        self._blocked = True
        raise _AlarmError

    def _on_unblocked(self) -> None:
        self._blocked = False

    def _declare(self, channel: Any) -> None:
        channel.exchange_declare(self._exchange, "topic", durable=True, auto_delete=False)

    def _failed(self, error: BaseException) -> Reason:
        """Drop a connection that does not work any more, and return the reason."""
        if self._connection is not None and self._connection.connected:
            # A large wave gets stuck on its way out before we receive the alarm.
            with suppress(_AlarmError, *_TROUBLE):
                self._listen()
        blocked = self._blocked
        self._drop()
        return _ALARM if blocked else _reason(error)

    def _drop(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        self._prober, self._blocked = None, False
        if connection is not None:
            connection.collect()


def routing_key(message: Message) -> str:
    """``<task_type>.<task_id>``, cut to the 255 bytes of AMQP."""
    whole = f"{message.task_type}.{message.task_id}".encode()
    return whole[:_LONGEST_KEY].decode("utf-8", "ignore")


def amqp_login(url: str) -> dict[str, Any]:
    """The arguments of a connection to a RabbitMQ; raises ValueError for a wrong parameter."""
    server = parse_server_url(url)
    parts, tls = urlsplit(server.urls[0]), server.tls
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    path = unquote(parts.path[1:])
    return {
        "host": f"{host}:{parts.port or (5671 if tls else 5672)}",
        "userid": unquote(parts.username or "guest"),
        "password": unquote(parts.password or "guest"),
        "virtual_host": path or "/",
        "ssl": of_amqp(tls, parts.hostname) if tls else False,
    }


def _reason(error: BaseException) -> Reason:
    if isinstance(error, _NoConfirmError):
        return Reason.of("bus.rabbitmq_no_confirm", within_sec=SEND_SEC)
    return Reason.of("bus.rabbitmq", error=type(error).__name__, why=quote(str(error)))
