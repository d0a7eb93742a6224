"""Alerts on RabbitMQ: a durable topic exchange named ``mq_topic``, publisher confirms.

The routing key is ``<task_type>.<task_id>``. A message that no queue is bound for is gone: who
wants alerts binds a durable queue.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import amqp
from amqp.exceptions import AMQPError, PreconditionFailed

from easyai.errors import BusUnavailableError
from easyai.publish.bus import CONNECT_SEC, SEND_SEC, Message, Receipt

_TROUBLE: Final = (AMQPError, OSError)
_TOO_LARGE: Final = re.compile(r"message size (\d+) is larger")
_LONGEST_KEY: Final = 255  # bytes; AMQP 0-9-1, section 4.2.5.3
_PERSISTENT: Final = 2
_REMEDY: Final = (
    "; see whether RabbitMQ runs and ai_analysis.mq_address has the right host, user, password "
    "and virtual host"
)


class AmqpBus:
    """A topic exchange."""

    def __init__(self, address: str, exchange: str) -> None:
        self._login = _login(address.strip())
        self._exchange = exchange
        self._connection: Any = None
        self._channel: Any = None
        self._confirms = _Confirms()

    def send(self, messages: Sequence[Message]) -> Receipt:
        """Publish persistent messages and wait for the confirms."""
        kept = self._connection is not None
        receipt = self._try(messages)
        if kept and receipt.trouble and self._confirms.lost_at_once:
            # A connection from before RabbitMQ's restart fails the first time.
            receipt = self._try(messages)
        return receipt

    def _try(self, messages: Sequence[Message]) -> Receipt:
        receipt = Receipt()
        confirms = self._confirms
        confirms.begin(receipt)
        try:
            channel = self._open()
            for message in messages:
                confirms.expect(message)
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
            self._wait()
        except PreconditionFailed as error:
            self._drop()
            if not confirms.refuse_too_large(str(error)):
                receipt.trouble = _reason(error)
        except _TROUBLE as error:
            self._drop()
            receipt.trouble = _reason(error)
        return receipt

    def _wait(self) -> None:
        limit = time.monotonic() + SEND_SEC
        while self._confirms.pending:
            left = limit - time.monotonic()
            if left <= 0:
                raise TimeoutError(self._blocked() or f"no confirm within {SEND_SEC:g} s")
            self._connection.drain_events(timeout=left)

    def _blocked(self) -> str:
        if self._confirms.blocked:
            return "RabbitMQ takes no messages (its memory or disk alarm): see rabbitmqctl status"
        return ""

    def check(self) -> None:
        """Declare the exchange: a round trip that needs the login, its rights and the type."""
        for _ in range(2 if self._connection is not None else 1):
            try:
                self._declare(self._open())
            except _TROUBLE as error:
                self._drop()
                failure = _reason(error)
            else:
                return
        raise BusUnavailableError(failure)

    def close(self) -> None:
        """Say goodbye, so that RabbitMQ logs no lost client."""
        connection = self._connection
        if connection is not None and connection.connected:
            with suppress(*_TROUBLE):  # it ends either way
                connection.close()
        self._drop()

    def _open(self) -> Any:
        if self._channel is None:
            self._connection = amqp.Connection(
                **self._login,
                connect_timeout=CONNECT_SEC,
                on_blocked=self._confirms.set_blocked,
                on_unblocked=self._confirms.set_unblocked,
            )
            self._connection.connect()
            self._connection.transport.sock.settimeout(SEND_SEC)
            channel = self._connection.channel()
            self._declare(channel)
            channel.confirm_select()
            channel.events["basic_ack"].add(self._confirms.acked)
            channel.events["basic_nack"].add(self._confirms.nacked)
            self._confirms.reset()
            self._channel = channel
        return self._channel

    def _declare(self, channel: Any) -> None:
        channel.exchange_declare(self._exchange, "topic", durable=True, auto_delete=False)

    def _drop(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            connection.collect()


class _Confirms:
    """Which published messages RabbitMQ has not answered for yet; tags count up by channel."""

    def __init__(self) -> None:
        self.pending: dict[int, Message] = {}
        self.blocked = False
        self._receipt = Receipt()
        self._last_tag = 0
        self._began = 0.0

    def begin(self, receipt: Receipt) -> None:
        self._receipt = receipt
        self._began = time.monotonic()
        self.pending = {}

    @property
    def lost_at_once(self) -> bool:
        return not self._receipt.acknowledged and time.monotonic() - self._began < 1.0

    def reset(self) -> None:
        self.pending, self.blocked, self._last_tag = {}, False, 0

    def expect(self, message: Message) -> None:
        self._last_tag += 1
        self.pending[self._last_tag] = message

    def acked(self, tag: int, multiple: bool) -> None:
        for message in self._take(tag, multiple):
            self._receipt.acknowledged.append(message.alert_id)

    def nacked(self, tag: int, multiple: bool) -> None:
        for message in self._take(tag, multiple):
            self._receipt.held_up[message.alert_id] = "RabbitMQ did not take it: a queue is full"

    def _take(self, tag: int, multiple: bool) -> list[Message]:
        tags = [one for one in self.pending if one == tag or (multiple and one < tag)]
        return [self.pending.pop(one) for one in tags]

    def refuse_too_large(self, said: str) -> bool:
        """Note the messages of the size that RabbitMQ complains of; whether there are any."""
        found = _TOO_LARGE.search(said)
        size = int(found.group(1)) if found else -1
        refused = [one for one in self.pending.values() if len(one.body) == size]
        for message in refused:
            self._receipt.refused[message.alert_id] = (
                f"{size} bytes are more than RabbitMQ's max_message_size"
            )
        return bool(refused)

    def set_blocked(self, _reason: str) -> None:
        self.blocked = True

    def set_unblocked(self) -> None:
        self.blocked = False


def routing_key(message: Message) -> str:
    """``<task_type>.<task_id>``, cut where AMQP has no room for more."""
    whole = f"{message.task_type}.{message.task_id}".encode()
    return whole[:_LONGEST_KEY].decode("utf-8", "ignore")


def _login(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    tls = parts.scheme == "amqps"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    path = unquote(parts.path[1:])
    return {
        "host": f"{host}:{parts.port or (5671 if tls else 5672)}",
        "userid": unquote(parts.username or "guest"),
        "password": unquote(parts.password or "guest"),
        "virtual_host": path or "/",
        "ssl": tls,
    }


def _reason(error: BaseException) -> str:
    return f"RabbitMQ: {type(error).__name__}: {error}{_REMEDY}"
