"""Queues: a queue for each task type, and a queue for the periodic tasks.

All queues are bound to a direct exchange with a plain ASCII name, with the queue's name as routing
key. So are queues that appear by name (``celery worker -Q infer.人脸``).
"""

# kombu ships type information, but few of its functions are typed.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

from celery.app import amqp
from kombu.entity import Exchange, Queue

from easyai.broker.connection import QuickConnection
from easyai.broker.queue_names import INFERENCE_EXCHANGE
from easyai.domain.unicode_form import nfc

EXCHANGE = Exchange(INFERENCE_EXCHANGE, type="direct", durable=True)
_PREFIX = "infer."
# AMQP allows 255 bytes of UTF-8; the embedded broker adds 59 bytes to the name of a message file.
_MAX_BYTES = 190
_HASH_DIGITS = 12
# -Q splits at commas, and a slash ends a file's name.
_AWKWARD = frozenset(",/\\")


@lru_cache(maxsize=4096)
def queue_name(task_type: str) -> str:
    """The queue of a task type: ``infer.<task_type>``.

    Some types do not fit into the name of a queue everywhere: they are too long, or have commas,
    slashes, or characters that do not print or are not Unicode. Their name keeps the characters
    that fit, and gets a hash of the whole type: the same in every process and release.
    """
    clean = "".join(_clean(char) for char in task_type)
    name = _PREFIX + clean
    if clean == task_type and clean.strip() == clean and len(name.encode()) <= _MAX_BYTES:
        return name
    digest = hashlib.sha256(task_type.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    most = _MAX_BYTES - _HASH_DIGITS - 1
    head = name.encode()[:most].decode("utf-8", "ignore").strip()
    return f"{head}-{digest}"


def _clean(char: str) -> str:
    return char if char.isprintable() and char not in _AWKWARD else "_"


def _queue(name: str, queue_type: str) -> Queue:
    arguments = {"x-queue-type": queue_type} if queue_type == "quorum" else None
    return Queue(name, EXCHANGE, routing_key=name, durable=True, queue_arguments=arguments)


class Queues(amqp.Queues):  # type: ignore[misc]
    """The queues this process knows, and the choices of its operator on the command line."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        #: Queues the operator excluded (``-X``) or cancelled by remote control.
        self.excluded: set[str] = set()
        #: Queues of the task types in the database that this worker serves.
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
        """The declaration of a task type's queue; does not consume from it."""
        return _queue(name, self.create_missing_queue_type)

    def add_type(self, name: str) -> None:
        """Record that this process consumes from the queue of a task type."""
        self.add(self.declaration(name))
        self.of_types.add(name)

    def drop_type(self, name: str) -> None:
        """Record that this process consumes no more from the queue of a task type."""
        self.of_types.discard(name)
        self.pop(name, None)

    def drop_types(self) -> None:
        """Drop the queues of all task types, and keep the queues of the worker's start."""
        for name in list(self.of_types):
            self.drop_type(name)

    def serves(self, task_type: str) -> bool:
        """Whether this process takes the frames of a task type.

        A worker pinned with ``-Q`` takes the frames of its queues. Any other worker takes all
        frames except for queues that its operator excluded (``-X``) or cancelled.
        """
        name = queue_name(task_type)
        return name in self.consume_from if self.pinned else name not in self.excluded

    def select(self, include: Any) -> None:
        """Consume from these queues only."""
        super().select([nfc(name) for name in _listed(include)])

    def select_add(self, queue: Any, **kwargs: Any) -> Queue:
        """Consume from another queue as well."""
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


class AMQP(amqp.AMQP):  # type: ignore[misc]
    """Celery's view of the broker, with our queues and connections."""

    queues_cls = Queues

    def Queues(self, queues: Any, **kwargs: Any) -> Queues:  # noqa: N802 - Celery's name
        """Our queues; the queues of task types have the queue type of Celery's default queue."""
        made: Queues = super().Queues(
            queues, create_missing_queue_type=self.app.conf.task_default_queue_type, **kwargs
        )
        return made

    Connection = QuickConnection
    BrokerConnection = QuickConnection
