"""kombu's transport to RabbitMQ, which says what became of a message and takes any queue of ours.

A queue may be there already with other arguments: from before the installation turned to quorum
queues, from a policy, or made by hand. RabbitMQ refuses to declare it and closes the channel, and
the worker would connect anew for ever. Here the queue is used as it is, with a line in the log.
`easyai.broker.transports` makes ``amqp://`` and ``amqps://`` mean these transports.
"""

# kombu says it is typed, but few of its functions are.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, Final

from amqp.exceptions import PreconditionFailed, RecoverableConnectionError
from kombu.transport import pyamqp

from easyai.broker.names import EVENT_EXCHANGE
from easyai.broker.reason import BlockedError

log = logging.getLogger(__name__)

CONFIRM_SEC: Final = 5.0


class Channel(pyamqp.Channel):
    """A channel that outlives the refusal of a declaration, and learns what became of a message."""

    def basic_publish_confirm(self, msg: Any, exchange: str = "", **kwargs: Any) -> Any:
        """Publish and wait for the confirm.

        Without it nobody here would hear of a right that is lacking, nor of an alarm. Raises
        BlockedError at once while an alarm is on: the connection goes on after it.
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
        """Declare a queue; one that is there with other arguments is used as it is."""
        connection = self._living_connection()
        try:
            return super(Channel, connection.declaring_channel()).queue_declare(
                queue, *args, **kwargs
            )
        except PreconditionFailed as error:
            _warn_of(queue, error.reply_text)
            declaring = connection.declaring_channel()
            return super(Channel, declaring).queue_declare(queue, passive=True)

    def _living_connection(self) -> Any:
        """The connection. Raises RecoverableConnectionError when it was lost and collected.

        kombu connects anew after this error only, not after the AttributeError of a None.
        """
        if self.connection is None:
            raise RecoverableConnectionError("the connection to RabbitMQ is lost")
        return self.connection


class Connection(pyamqp.Connection):
    """A connection with a channel of its own for declarations, which a refusal closes."""

    Channel = Channel
    _declaring: Any = None
    _blocked = _confirms = False

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
        """For the time in which a message is published: BlockedError where none is taken."""
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
        """The channel that queues are declared on."""
        if self._declaring is None or not self._declaring.is_open:
            self._declaring = self.channel()
        return self._declaring


@lru_cache(maxsize=10_000)
def _warn_of(queue: str, refusal: str) -> None:
    """Log that a queue is used as it is; cached, so that each process logs it once."""
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
    """The same over TLS."""

    Connection = Connection
