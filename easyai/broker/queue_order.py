"""Which queue a worker reads next: the queue of the periodic tasks, then a task type's queue.

With equal turns for all queues, a tick of the scan would wait for a wake of each busy task type:
many seconds with some hundred types on a loaded machine.
"""

# kombu ships type information, but few of its functions are typed.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from kombu.utils.scheduling import round_robin_cycle

from easyai.broker.queue_names import CONTROL_QUEUE


class PeriodicFirst(round_robin_cycle):
    """The order of the queues for a worker on Redis (kombu's `queue_order_strategy`)."""

    def consume(self, n: int) -> list[str]:
        """The queues to read from, the queue of the periodic tasks first."""
        queues: list[str] = super().consume(n)
        if CONTROL_QUEUE not in queues:
            return queues
        return [CONTROL_QUEUE, *(queue for queue in queues if queue != CONTROL_QUEUE)]
