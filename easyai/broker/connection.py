"""Connections to the broker that notice within seconds when the broker is down or back."""

# kombu ships type information, but few of its functions are typed.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kombu.connection import Connection

from easyai.broker.options import TIMEOUT_OPTIONS
from easyai.system.log_throttle import LogThrottle

_PUBLISH_TIMEOUT_SEC = 3.0


class QuickConnection(Connection):
    """A broker connection that is back within 2 s of the broker's return.

    kombu's own connection waits up to 30 s between attempts, and Celery reports every attempt.
    """

    @property
    def qos_semantics_matches_spec(self) -> bool:
        """True: Celery sets a prefetch for each queue, the only kind that quorum queues accept.

        A policy or the virtual host's default may make a queue a quorum queue without our notice.
        """
        return True

    def _init_params(self, *args: Any, **kwargs: Any) -> None:
        super()._init_params(*args, **kwargs)
        if isinstance(self.ssl, dict):
            # kombu writes the host's name into this dict, and would expect it of the next host.
            self.ssl = dict(self.ssl)

    def ensure_connection(
        self, errback: Callable[[Exception, float], Any] | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Connect, trying for ever or `max_retries` times; calls `errback` once a minute."""
        quick = {"interval_start": 0.2, "interval_step": 0.4, "interval_max": 2.0}
        errback = _seldom(errback) if errback else None
        return super().ensure_connection(errback, *args, **{**quick, **kwargs})


def _seldom(errback: Callable[[Exception, float], Any]) -> Callable[[Exception, float], Any]:
    throttle = LogThrottle()
    return lambda error, interval: errback(error, interval) if throttle.due() else None


def other_hosts(app: Any) -> int:
    """How many hosts the address of the broker has besides the first."""
    return str(app.conf.broker_url).count(";")


def publishing_connection(app: Any) -> Any:
    """A connection for a thread that only publishes; notices a silent broker within seconds."""
    driver = app.connection_for_write().transport.driver_type
    timeouts = dict.fromkeys(TIMEOUT_OPTIONS.get(driver, ()), _PUBLISH_TIMEOUT_SEC)
    return app.connection_for_write(
        connect_timeout=_PUBLISH_TIMEOUT_SEC,
        # A publishing thread has other work to do: after a refusal by each host it gets an error.
        transport_options={"max_retries": other_hosts(app), **timeouts},
    )
