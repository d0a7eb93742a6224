"""The worker of our image, as pytest-celery expects a worker."""

from __future__ import annotations

from pytest_celery import CeleryWorkerContainer

from easyai.broker.queue_names import CONTROL_QUEUE


class EasyaiWorker(CeleryWorkerContainer):  # type: ignore[misc]
    """`celery -A easyai worker` with events, for Flower."""

    @classmethod
    def worker_name(cls) -> str:
        """The part of its name before the @."""
        return "easyai"

    @classmethod
    def worker_queue(cls) -> str:
        """The queue of the periodic tasks; the worker finds the queues of task types by itself."""
        return CONTROL_QUEUE

    @classmethod
    def command(cls, *arguments: str, **_: object) -> list[str]:
        """Its command line."""
        name = f"{cls.worker_name()}@%h"
        return ["celery", "-A", "easyai", "worker", "-E", "-l", "INFO", "-n", name, *arguments]
