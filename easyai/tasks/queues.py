"""Queues: one for each task type, and one for the periodic duties.

All queues hang on one direct exchange whose name is plain ASCII, with the queue's name as routing
key, those that appear by name (``celery worker -Q infer.人脸``) included.
"""

# kombu says it is typed, but few of its functions are.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from celery.app import amqp
from kombu.connection import Connection
from kombu.entity import Exchange, Queue

from easyai.broker.names import INFERENCE_EXCHANGE
from easyai.names import nfc

EXCHANGE = Exchange(INFERENCE_EXCHANGE, type="direct", durable=True)
_PREFIX = "infer."
# AMQP allows 255 bytes of UTF-8; a message file of the embedded broker carries 59 bytes besides.
_MAX_BYTES = 190
_HASH_DIGITS = 12
# -Q splits at commas, and a slash ends a file's name.
_AWKWARD = frozenset(",/\\")
_REPORT_EVERY_SEC = 60.0
_PUBLISH_TIMEOUT_SEC = 3.0
_TIMEOUT_OPTIONS = {
    "redis": ("socket_timeout", "socket_connect_timeout"),
    "amqp": ("read_timeout", "write_timeout"),
}


@lru_cache(maxsize=4096)
def queue_name(task_type: str) -> str:
    """The queue of a task type: ``infer.<task_type>``.

    A type that cannot be in the name of a queue everywhere (too long, commas, slashes, characters
    that do not print or are not Unicode) keeps what can and gets a hash of the whole: the same in
    every process and release.
    """
    clean = "".join(_clean(char) for char in task_type)
    name = _PREFIX + clean
    if clean == task_type and clean.strip() == clean and len(name.encode()) <= _MAX_BYTES:
        return name
    digest = hashlib.sha256(task_type.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    room = _MAX_BYTES - _HASH_DIGITS - 1
    head = name.encode()[:room].decode("utf-8", "ignore").strip()
    return f"{head}-{digest}"


def _clean(char: str) -> str:
    return char if char.isprintable() and char not in _AWKWARD else "_"


def _queue(name: str, queue_type: str) -> Queue:
    arguments = {"x-queue-type": queue_type} if queue_type == "quorum" else None
    return Queue(name, EXCHANGE, routing_key=name, durable=True, queue_arguments=arguments)


class QuickConnection(Connection):
    """A broker connection that is back within 2 s of the broker's return.

    kombu's own waits up to 30 s between its attempts, and Celery reports every one.
    """

    @property
    def qos_semantics_matches_spec(self) -> bool:
        """Yes: have Celery set a prefetch of each queue, the only one that quorum queues take.

        A queue may be one by a policy or by its virtual host's default, where nobody can see it.
        """
        return True

    def _init_params(self, *args: Any, **kwargs: Any) -> None:
        super()._init_params(*args, **kwargs)
        if isinstance(self.ssl, dict):
            # kombu writes the host's name into it, which would then be asked of the next host.
            self.ssl = dict(self.ssl)

    def ensure_connection(
        self, errback: Callable[[Exception, float], Any] | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Connect, trying again for ever or as often as told; `errback` is called once a minute."""
        quick = {"interval_start": 0.2, "interval_step": 0.4, "interval_max": 2.0}
        errback = _seldom(errback) if errback else None
        return super().ensure_connection(errback, *args, **{**quick, **kwargs})


def _seldom(errback: Callable[[Exception, float], Any]) -> Callable[[Exception, float], Any]:
    next_call = 0.0

    def call(error: Exception, interval: float) -> Any:
        nonlocal next_call
        if time.monotonic() < next_call:
            return None
        next_call = time.monotonic() + _REPORT_EVERY_SEC
        return errback(error, interval)

    return call


def other_hosts(app: Any) -> int:
    """How many hosts the address of the broker has besides the first."""
    return str(app.conf.broker_url).count(";")


def publishing_connection(app: Any) -> Any:
    """A connection for one thread that only publishes, and learns of a silent broker in seconds."""
    driver = app.connection_for_write().transport.driver_type
    timeouts = dict.fromkeys(_TIMEOUT_OPTIONS.get(driver, ()), _PUBLISH_TIMEOUT_SEC)
    return app.connection_for_write(
        connect_timeout=_PUBLISH_TIMEOUT_SEC,
        # Who publishes has other work to do: once each host has refused it, that is an error.
        transport_options={"max_retries": other_hosts(app), **timeouts},
    )


class Queues(amqp.Queues):  # type: ignore[misc]
    """The queues this process knows, and what its operator asked for on the command line."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        #: Queues the operator excluded (``-X``) or cancelled by remote control.
        self.excluded: set[str] = set()
        #: Those of the task types that this worker serves, as the database knows them.
        self.of_types: set[str] = set()
        super().__init__(*args, **kwargs)

    @property
    def pinned(self) -> bool:
        """Whether the worker was started for certain queues only (``-Q``)."""
        return self._consume_from is not None

    def new_missing(self, name: str) -> Queue:
        """A queue that appears by its name alone."""
        return self.declaration(name)

    def declaration(self, name: str) -> Queue:
        """The declaration of a task type's queue, which is not consumed from by this."""
        return _queue(name, self.create_missing_queue_type)

    def add_type(self, name: str) -> None:
        """Note that the queue of a task type is consumed from."""
        self.add(self.declaration(name))
        self.of_types.add(name)

    def drop_type(self, name: str) -> None:
        """Note that the queue of a task type is consumed from no more."""
        self.of_types.discard(name)
        self.pop(name, None)

    def drop_types(self) -> None:
        """Keep the queues that the worker had at its start."""
        for name in list(self.of_types):
            self.drop_type(name)

    def select(self, include: Any) -> None:
        """Consume from these queues only."""
        super().select([nfc(name) for name in _listed(include)])

    def select_add(self, queue: Any, **kwargs: Any) -> Queue:
        """Consume from one more queue."""
        added: Queue = super().select_add(queue, **kwargs)
        self.excluded.discard(added.name)
        return added

    def deselect(self, exclude: Any) -> None:
        """Do not consume from these queues."""
        names = [nfc(name) for name in _listed(exclude)]
        self.excluded.update(names)
        super().deselect(names)


def _listed(names: Any) -> list[str]:
    return [names] if isinstance(names, str) else list(names or ())


def serves(task_type: str) -> bool:
    """Whether this process takes the frames of a task type.

    A worker pinned with ``-Q`` those of its queues; any other all, but for queues that its operator
    excluded (``-X``) or cancelled.
    """
    from easyai.celery import app  # imports this module in its turn

    queues = app.amqp.queues
    name = queue_name(task_type)
    return name in queues.consume_from if queues.pinned else name not in queues.excluded


class AMQP(amqp.AMQP):  # type: ignore[misc]
    """Celery's view of the broker, with our queues and connections."""

    queues_cls = Queues

    def Queues(self, queues: Any, **kwargs: Any) -> Queues:  # noqa: N802 - Celery's name
        """Our queues: those of the task types are of the same type as Celery's default one."""
        made: Queues = super().Queues(
            queues, create_missing_queue_type=self.app.conf.task_default_queue_type, **kwargs
        )
        return made

    Connection = QuickConnection
    BrokerConnection = QuickConnection
