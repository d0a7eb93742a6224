"""Shows the user when everything is ready, or where to look when it is not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException

from easyai.supervisor import forked_child

NOT_READY_AFTER_SEC = 15.0
_EVERY_SEC = 0.1


class ReadinessWatch:
    """Polls ``/readyz`` in a thread until it is 200 and all processes work; then reports once."""

    def __init__(
        self,
        host: str,
        port: int,
        show: Callable[[str], None],
        missing: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """`missing` returns the processes that have not reported yet; called from a thread."""
        self._host = host
        self._port = port
        self._addresses = _addresses(host, port)
        self._show = show
        self._missing = missing
        self._over = threading.Event()
        self._has_reported = False

    @property
    def has_reported(self) -> bool:
        """Whether the ready line or the late line was shown."""
        return self._has_reported

    def start(self, ready: str, not_ready: str) -> None:
        """Show ``ready`` once easyai is ready; after 15 s, show ``not_ready`` with the reason."""
        thread = threading.Thread(
            target=self._watch, args=(ready, not_ready), name="readiness", daemon=True
        )
        thread.start()

    def stop(self) -> None:
        """Stop polling."""
        self._over.set()

    def _watch(self, ready: str, not_ready: str) -> None:
        warn_at = time.monotonic() + NOT_READY_AFTER_SEC
        warned = False
        while not self._over.wait(_EVERY_SEC):
            reason = self._reason()
            if reason is None:
                self._report(ready)
                return
            if not warned and time.monotonic() > warn_at:
                warned = True
                self._report(f"{not_ready} ({reason})")

    def _report(self, line: str) -> None:
        with forked_child.no_fork:  # the line is written to a file
            self._show(line)
        self._has_reported = True

    def _reason(self) -> str | None:
        # The cheap check first: a request slows down an API that is starting.
        missing = self._missing()
        if missing:
            return f"no sign of life from {', '.join(missing)}"
        if not self._addresses:
            with forked_child.no_fork:
                self._addresses = _addresses(self._host, self._port)
        reason: str | None = f"the address of {self._host} is not known"
        for address in self._addresses:
            reason = why_not_ready(address, self._port)
            if reason is None:
                break
        return reason


def why_not_ready(host: str, port: int) -> str | None:
    """None when ``GET /readyz`` returns 200, else the reason in a few words."""
    connection = HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        body = response.read(300).decode("utf-8", "replace").strip()
    except (OSError, HTTPException) as error:
        return f"the API does not answer: {error}"
    finally:
        connection.close()
    return None if response.status == 200 else f"/readyz: {response.status} {body}"


def _addresses(host: str, port: int) -> list[str]:
    """The addresses of a host; none if it cannot be resolved now.

    A thread calls this under `no_fork` only.
    """
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return list(dict.fromkeys(str(info[4][0]) for info in infos))
