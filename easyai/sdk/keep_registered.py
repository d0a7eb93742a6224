"""Keeps a service registered: a thread that registers, sends heartbeats and never gives up."""

import logging
import random
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from easyai.sdk.server_client import ServerClient
from easyai.sdk.service_errors import (
    ServerError,
    ServerRefusedError,
    ServerUnreachableError,
    ServiceNotFoundError,
)

log = logging.getLogger(__name__)

_FIRST_RETRY_SEC = 0.5
_LONGEST_RETRY_SEC = 10.0


class RegistrationState(StrEnum):
    """The state of the service's registration at the server."""

    STARTING = "starting"
    REGISTERED = "registered"
    UNREACHABLE = "unreachable"  # the server does not answer
    REFUSED = "refused"  # the server answers with an error
    FORGOTTEN = "forgotten"  # the server does not know this service (any more)
    STOPPED = "stopped"


class Registration:
    """The registration of an endpoint, which a thread keeps up between start and stop."""

    def __init__(
        self,
        client: ServerClient,
        statistics: Callable[[], dict[str, Any]],
        heartbeat_interval_sec: float,
    ) -> None:
        self._client = client
        self._statistics = statistics
        self._interval_sec = heartbeat_interval_sec
        self._known = False  # whether the server accepted the registration and still knows it
        self._retry_sec = _FIRST_RETRY_SEC
        self._state = RegistrationState.STARTING
        self._reason = ""
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_up, name="easyai-registration")
        self._thread.daemon = True

    @property
    def state(self) -> RegistrationState:
        """The state after the last call to the server."""
        with self._changed:
            return self._state

    def start(self) -> None:
        """Begin to register in the background."""
        self._thread.start()

    def wait(self, state: RegistrationState, timeout_sec: float) -> bool:
        """Wait for a state; False after `timeout_sec`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._state is state, timeout_sec)

    def stop(self) -> None:
        """Stop the heartbeats and unregister; takes some seconds when the server is silent."""
        self._stopping.set()
        self._thread.join()
        try:
            # Also without an answer to the registration: the request may have arrived.
            self._client.unregister()
        except ServiceNotFoundError:
            log.debug("the server had not known this service")
        except ServerError as error:
            log.warning("could not unregister, the server will find out by itself: %s", error)
        self._client.close()
        self._change(RegistrationState.STOPPED)

    def _keep_up(self) -> None:
        delay_sec = 0.0
        while not self._stopping.wait(delay_sec):
            try:
                delay_sec = self._call()
            except Exception:
                log.exception("registration failed unexpectedly, trying again")
                delay_sec = _LONGEST_RETRY_SEC

    def _call(self) -> float:
        """Make the call that is due; return the seconds until the next call."""
        try:
            if self._known:
                self._client.heartbeat(self._statistics())
            else:
                self._client.register()
        except ServiceNotFoundError as error:
            was_known, self._known = self._known, False
            self._change(RegistrationState.FORGOTTEN, str(error))
            return 0.0 if was_known else self._next_retry()
        except ServerUnreachableError as error:
            self._change(RegistrationState.UNREACHABLE, str(error))
            return self._next_retry()
        except ServerRefusedError as error:
            self._change(RegistrationState.REFUSED, str(error))
            return self._next_retry()
        self._known = True
        self._retry_sec = _FIRST_RETRY_SEC
        self._change(RegistrationState.REGISTERED)
        return self._interval_sec

    def _next_retry(self) -> float:
        delay_sec = min(self._retry_sec, self._interval_sec)
        self._retry_sec = min(self._retry_sec * 2, _LONGEST_RETRY_SEC)
        # Jitter, so that many services do not all call a returning server in the same instant.
        return delay_sec * random.uniform(0.75, 1.25)  # noqa: S311 - no secret

    def _change(self, state: RegistrationState, reason: str = "") -> None:
        """Log a change of state once, not every attempt."""
        with self._changed:
            # The errors of a silent server differ (refused, timeout): log a single line for them.
            same_reason = reason == self._reason or state is RegistrationState.UNREACHABLE
            if state is self._state and same_reason:
                return
            self._state, self._reason = state, reason
            self._changed.notify_all()
        _log_change(state, reason)


def _log_change(state: RegistrationState, reason: str) -> None:
    if state is RegistrationState.REGISTERED:
        log.info("registered at the easyai server")
    elif state is RegistrationState.STOPPED:
        log.info("stopped")
    elif state is RegistrationState.FORGOTTEN:
        log.warning("the easyai server does not know this service, registering again: %s", reason)
    elif state is RegistrationState.UNREACHABLE:
        log.warning("the easyai server does not answer, trying again; does it run? %s", reason)
    else:
        log.error("the easyai server refuses this service, trying again; correct this: %s", reason)
