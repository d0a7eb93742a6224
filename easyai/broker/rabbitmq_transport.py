"""kombu's transport to RabbitMQ, with publisher confirms and a tolerant declaration of queues.

A queue may exist with other arguments: from before the installation turned to quorum queues, from
a policy, or made by hand. RabbitMQ refuses to declare it and closes the channel, and the worker
would connect anew for ever. This transport logs the refusal and uses the queue as it is.
`easyai.broker.transports` makes ``amqp://`` and ``amqps://`` mean these transports.
"""

# kombu ships type information, but few of its functions are typed.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, Final

from amqp.exceptions import PreconditionFailed, RecoverableConnectionError
from kombu.transport import pyamqp

from easyai.broker.broker_reasons import BlockedError
from easyai.broker.queue_names import EVENT_EXCHANGE

log = logging.getLogger(__name__)

CONFIRM_SEC: Final = 5.0


class Channel(pyamqp.Channel):
    """A channel that survives a refused declaration, and waits for the confirm of a message."""

    def basic_publish_confirm(self, msg: Any, exchange: str = "", **kwargs: Any) -> Any:
        """Publish and wait for the confirm.

        Without the confirm, a missing permission or an alarm would go unnoticed. Raises
        BlockedError at once while an alarm is on: the connection works again after the alarm.
        """
        try:
            with self._living_connection().confirming():
                return super().basic_publish_confirm(
                    msg, exchange, **{**kwargs, "confirm_timeout": CONFIRM_SEC}
                )
        except BlockedError:
            # Celery would keep events in memory without limit until the alarm is over.
            if exchange != EVENT_EXCHANGE:
                raise

    def queue_declare(self, queue: str = "", *args: Any, **kwargs: Any) -> Any:
        """Declare a queue; an existing queue with other arguments is used as it is."""
        connection = self._living_connection()
        try:
            return super(Channel, connection.declaring_channel()).queue_declare(
                queue, *args, **kwargs
            )
        except PreconditionFailed as error:
            _warn_of(queue, error.reply_text)
            declaring = connection.declaring_channel()
            return super(Channel, declaring).queue_declare(queue, passive=True)

    def _on_basic_cancel(self, consumer_tag: str) -> None:
        """Take the news that the server has ended a consumer, as when its queue was deleted.

        amqp raises ConsumerCancelled in the call that reads the news. Celery ignores the error
        where its loop begins, and would wait for ever for the messages of that queue. So the
        connection remembers the news.
        """
        self._living_connection().lost_consumer = True
        super()._on_basic_cancel(consumer_tag)

    def _on_close(self, reply_code: int, reply_text: str, class_id: int, method_id: int) -> None:
        """Take the news that the server has closed this channel after a refused request.

        amqp opens the channel again, without the consumers that it had.
        """
        if self.callbacks:
            self._living_connection().lost_consumer = True
        super()._on_close(reply_code, reply_text, class_id, method_id)

    def _living_connection(self) -> Any:
        """The connection. Raises RecoverableConnectionError when it was lost and collected.

        kombu connects anew after this error only, not after an AttributeError.
        """
        if self.connection is None:
            raise RecoverableConnectionError("the connection to RabbitMQ is lost")
        return self.connection


class Connection(pyamqp.Connection):
    """A connection with a separate channel for declarations, because a refusal closes it."""

    Channel = Channel
    _declaring: Any = None
    _blocked = _confirms = False
    lost_consumer = False  #: whether the server has ended a consumer

    def _on_blocked(self) -> None:
        super()._on_blocked()
        self._blocked = True
        if self._confirms:
            raise BlockedError

    def _on_unblocked(self) -> None:
        super()._on_unblocked()
        self._blocked = False

    @contextmanager
    def confirming(self) -> Iterator[None]:
        """Guard the publishing of a message. Raises BlockedError when RabbitMQ takes none."""
        if self._blocked:
            with suppress(TimeoutError):
                while True:
                    self.drain_events(timeout=0)
        if self._blocked:
            raise BlockedError
        self._confirms = True
        try:
            yield
        finally:
            self._confirms = False

    def declaring_channel(self) -> Any:
        """The channel for declarations of queues."""
        if self._declaring is None or not self._declaring.is_open:
            self._declaring = self.channel()
        return self._declaring


@lru_cache(maxsize=10_000)
def _warn_of(queue: str, refusal: str) -> None:
    """Log that a queue is used as it is; cached, so that each process logs a refusal once."""
    log.warning(
        "queue %s stays as it is (%s); to have it made anew, stop the workers and delete it: "
        "rabbitmqctl delete_queue %s",
        queue,
        refusal,
        queue,
    )


class Transport(pyamqp.Transport):
    """One connection to RabbitMQ."""

    Connection = Connection


class SSLTransport(pyamqp.SSLTransport):
    """One connection to RabbitMQ over TLS."""

    Connection = Connection
