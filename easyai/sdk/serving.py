"""Runs a service as a program: from the command line to a signal."""

import logging
import queue
import signal
from collections.abc import Sequence

from easyai.sdk.detection import DetectFunction
from easyai.sdk.service_server import DEFAULT_SERVER, Service

log = logging.getLogger(__name__)


def serve(
    detect: DetectFunction,
    *,
    service_id: str,
    task_types: Sequence[str],
    name: str | None = None,
    server: str | None = DEFAULT_SERVER,
    host: str = "127.0.0.1",
    port: int = 0,
    max_concurrency: int = 1,
    version: str = "1.0.0",
    advertise: str | None = None,
    heartbeat_interval_sec: float = 30.0,
) -> None:
    """Serve a function until SIGTERM or SIGINT; the options are the options of Service.

    Logs to standard error at INFO unless the program has set up logging. Raises ValueError
    naming a wrong option, OSError when the port is taken.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    run_until_signal(
        Service(
            detect,
            service_id=service_id,
            task_types=task_types,
            name=name,
            server=server,
            host=host,
            port=port,
            max_concurrency=max_concurrency,
            version=version,
            advertise=advertise,
            heartbeat_interval_sec=heartbeat_interval_sec,
        )
    )


def run_until_signal(service: Service) -> None:
    """Run a service until SIGTERM or SIGINT; a second signal ends it at once.

    Call it in the main thread: only there can Python handle signals (ValueError elsewhere).
    """
    # SimpleQueue.put may be called from a signal handler; Event.set may deadlock there.
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()
    watched = (signal.SIGTERM, signal.SIGINT)
    previous = {
        number: signal.signal(number, lambda caught, _: signals.put(caught)) for number in watched
    }
    try:
        with service:
            caught = signals.get()
            log.info("stopping on %s", signal.Signals(caught).name)
            for number, handler in previous.items():
                signal.signal(number, handler)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
