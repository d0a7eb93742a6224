"""The embedded broker: kombu's ``filesystem://`` transport, made to run unattended for months.

It differs from kombu's own transport. Messages are written and claimed by rename. A message that
does not parse is thrown away instead of ending the worker. Tables are replaced as a whole. Files of
killed processes are cleared away. The kernel signals when to look for messages, once for all
queues.

Transport options: ``data_folder_in`` (messages), ``processed_folder`` (messages being read, on the
same file system), ``control_folder``; ``message_ttl`` and ``polling_interval`` in seconds. The
interval matters only where the kernel does not see every message, as on NFS.
"""

# kombu ships type information, but few of its functions are typed.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import filesystem, virtual
from kombu.utils.json import dumps, loads

from easyai.broker.bindings import Binding, Bindings
from easyai.broker.folder_watch import FolderWatch
from easyai.broker.queue_names import CONTROL_QUEUE
from easyai.broker.spool import Spool

log = logging.getLogger(__name__)

MESSAGE_TTL_SEC = 300.0
_CLEAN_UP_EVERY_SEC = 15.0
# While messages wait, a place that a finished task frees is filled within this time.
_PREFETCH_POLL_SEC = 0.02


class Channel(filesystem.Channel):
    """A channel over the shared folders; for a single thread at a time, as all kombu channels."""

    def __init__(self, connection: Transport, **kwargs: Any) -> None:
        self._owned: dict[str, int] = {}
        self._reading: set[str] = set()  # kombu's own is a list, searched for each message
        self._served = ""  # the queue that was served last
        super().__init__(connection, **kwargs)

    @property
    def spool(self) -> Spool:
        """The message folder."""
        spool: Spool = self.connection.spool
        return spool

    @property
    def tables(self) -> Bindings:
        """The control folder."""
        tables: Bindings = self.connection.tables
        return tables

    def get_table(self, exchange: str) -> tuple[Binding, ...]:
        """The bindings of an exchange, including the bindings of other processes."""
        return self.tables.table(exchange)

    def queue_bind(
        self,
        queue: str,
        exchange: str | None = None,
        routing_key: str = "",
        arguments: Any = None,
        **_: Any,
    ) -> None:
        """Bind a queue to an exchange."""
        exchange = exchange or "amq.direct"
        if not self.state.has_binding(queue, exchange, routing_key):
            self.state.binding_declare(queue, exchange, routing_key, arguments)
            self._bind(queue, exchange, routing_key, arguments)

    def _bind(self, queue: str, exchange: str, routing_key: str, arguments: Any) -> None:
        # A queue under its own name needs no row, however many thousands there are.
        if routing_key != queue or not self._names_queues(exchange):
            kind = self.typeof(exchange)
            self._queue_bind(exchange, *kind.prepare_bind(queue, exchange, routing_key, arguments))

    def _names_queues(self, exchange: str) -> bool:
        """Whether the routing keys of the exchange are the names of queues.

        They are for durable direct exchanges, as for AMQP's default exchange. Other exchanges (for
        replies of remote control) have queues that come and go, and need rows in the table.
        """
        declared = self.state.exchanges.get(exchange, {})
        return bool(declared.get("durable") and declared.get("type") == "direct")

    def _lookup(self, exchange: str, routing_key: str, default: Any = None) -> list[str]:
        if exchange and self._names_queues(exchange):
            bound = {row.queue for row in self.get_table(exchange) if row[0] == routing_key}
            return sorted(bound | {routing_key})
        return list(super()._lookup(exchange, routing_key, default))

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        self.tables.bind(exchange, Binding(routing_key or "", pattern or "", queue or ""))

    def _delete(
        self, queue: str, exchange: str, routing_key: str, pattern: str, *_: Any, **__: Any
    ) -> None:
        self._purge(queue)
        self.tables.unbind(exchange, Binding(routing_key or "", pattern or "", queue or ""))

    def queue_declare(self, queue: str | None = None, passive: bool = False, **kwargs: Any) -> Any:
        """Declare a queue; the returned number of messages is exact if `passive`."""
        if passive:
            self.spool.list_if_changed()
        else:
            self.spool.refresh()  # thousands are declared in a row
        return super().queue_declare(queue, passive, **kwargs)

    def basic_consume(self, queue: str, *args: Any, **kwargs: Any) -> None:
        """Read from another queue as well."""
        super().basic_consume(queue, *args, **kwargs)
        self._reading.add(queue)

    def basic_cancel(self, consumer_tag: str) -> None:
        """Read from a queue no more."""
        self._reading.discard(self._tag_to_queue.get(consumer_tag, ""))
        super().basic_cancel(consumer_tag)

    def _new_queue(
        self, queue: str, exclusive: bool = False, auto_delete: bool = False, **_: Any
    ) -> None:
        if (exclusive or auto_delete) and queue not in self._owned:
            self._owned[queue] = self.tables.own(queue)

    def queue_delete(self, queue: str, *args: Any, **kwargs: Any) -> None:
        """Delete a queue, its bindings and messages."""
        self.spool.list_if_changed()
        super().queue_delete(queue, *args, **kwargs)
        descriptor = self._owned.pop(queue, None)
        if descriptor is not None:
            os.close(descriptor)
            self.tables.bury(queue)

    def _put(self, queue: str, payload: Any, **_: Any) -> None:  # type: ignore[override]
        self.spool.put(queue, dumps(payload).encode())

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        while True:
            payload = self.spool.take(queue)
            if payload is None:
                raise Empty
            message = self._parse(queue, payload)
            if message is not None:
                return message

    def _parse(self, queue: str, payload: bytes) -> Any:
        try:
            message = loads(payload)
            self.Message(message, channel=self)
        except Exception as error:  # noqa: BLE001 - a file may hold anything after a power cut
            text = "broker: damaged message for %s thrown away (%d bytes): %r"
            log.warning(text, queue, len(payload), error)
            return None
        return message

    def _poll(self, cycle: Any, callback: Callable[..., Any], timeout: float | None = None) -> Any:
        for queue in self._next_queues():
            try:
                message = self._get(queue)
            except Empty:
                continue  # another process was faster
            self._served = queue if queue != CONTROL_QUEUE else self._served
            return callback(message, queue)
        raise Empty

    def _next_queues(self) -> Iterator[str]:  # ticks first: broker/queue_order.py
        if CONTROL_QUEUE in self._reading and self.spool.has_any((CONTROL_QUEUE,)):
            yield CONTROL_QUEUE
        yield from self.spool.in_turn(self._reading, self._served)

    def basic_get(self, queue: str, no_ack: bool = False, **kwargs: Any) -> Any:
        """The next message of a queue, or None."""
        self.spool.refresh()
        return super().basic_get(queue, no_ack=no_ack, **kwargs)

    def _size(self, queue: str) -> int:
        return self.spool.count(queue)

    def _purge(self, queue: str) -> int:
        return self.spool.purge(queue)

    def rebind(self) -> None:
        """Restore owners and bindings of our queues in case the control folder was damaged."""
        for queue, descriptor in list(self._owned.items()):
            if not self.tables.is_owned_through(queue, descriptor):
                os.close(descriptor)
                self._owned[queue] = self.tables.own(queue)
        for (queue, exchange, routing_key), arguments in list(self.state.bindings.items()):
            self._bind(queue, exchange, routing_key, arguments)

    def close(self) -> None:
        """Close, and delete the queues that were ours alone."""
        if not self.closed and self.connection is not None:
            for queue in list(self._owned):
                self.queue_delete(queue)
        super().close()


class Transport(filesystem.Transport):
    """One connection to the embedded broker."""

    Channel = Channel
    # A disk that does not answer counts as a broker that is down: the worker tries again.
    connection_errors: Any = (*virtual.Transport.connection_errors, OSError)
    polling_interval = 0.0  # 0: the interval of the watch

    def __init__(self, client: Any, **kwargs: Any) -> None:
        options = client.transport_options
        self.spool = Spool(
            Path(options.get("data_folder_in", "broker/queue")),
            Path(options.get("processed_folder", "broker/claimed")),
        )
        self.tables = Bindings(Path(options.get("control_folder", "broker/control")))
        self._message_ttl_sec = float(options.get("message_ttl", MESSAGE_TTL_SEC))
        self._next_clean_up = 0.0
        self._interrupted = False
        self._closing = False
        super().__init__(client, **kwargs)
        self._drain_cycle: Any = self.cycle
        self._watch: FolderWatch | None = None

    def interrupt(self, for_good: bool = False) -> None:
        """Make `drain_events` time out at once, or at each call if `for_good`.

        Safe in a signal handler and from other threads.
        """
        self._closing = self._closing or for_good
        self._interrupted = True
        if (watch := self._watch) is not None:
            watch.ring()

    def drain_events(self, connection: Any, timeout: float | None = None, **_: Any) -> None:
        """Deliver a message. Raises TimeoutError after `timeout` seconds without a message."""
        limit = None if timeout is None else time.monotonic() + timeout
        while True:
            self._clean_up()
            # Before the folder is listed: a message that arrives after the listing ends the wait.
            watch = self._watching()
            if self.spool.refresh() and self._deliver_message(timeout):
                return
            self._pause(watch, limit)

    def _watching(self) -> FolderWatch:
        # On first use only: connections that publish never wait.
        if self._watch is None:
            self._watch = FolderWatch(self.spool.folder)
        return self._watch

    def _deliver_message(self, timeout: float | None) -> bool:
        try:
            self._drain_cycle.get(self._deliver, timeout=timeout)
        except Empty:
            return False
        return True

    def _pause(self, watch: FolderWatch, limit: float | None) -> None:
        if self._interrupted:
            self._interrupted = self._closing
            raise TimeoutError("interrupted")
        left = self.polling_interval or watch.poll_sec
        if limit is not None:
            left = min(left, limit - time.monotonic())
            if left <= 0:
                raise TimeoutError("no message")
        if self.spool.has_any(self._callbacks):
            time.sleep(min(left, _PREFETCH_POLL_SEC))
        else:
            watch.wait(left)

    def close_connection(self, connection: Any) -> None:
        """Close all channels and stop watching."""
        super().close_connection(connection)
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _clean_up(self) -> None:
        """Remove queues of killed processes, and messages without a reader."""
        now = time.monotonic()
        if now < self._next_clean_up:
            return
        self._next_clean_up = now + _CLEAN_UP_EVERY_SEC
        for queue in self.tables.bury_dead():
            self.spool.purge(queue)
        self.spool.remove_older(self._message_ttl_sec)
        self._watching().renew()
        for channel in self.channels:
            channel.rebind()
