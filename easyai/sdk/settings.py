"""The options of a service, checked before anything starts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_HOST_AND_PORT = re.compile(r"([\w.-]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?")
_ANY_ADDRESS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - recognised, not bound


@dataclass(frozen=True)
class ServiceSettings:
    """The options of a service. Raises ValueError that names the wrong option."""

    service_id: str  # several processes may share a service_id
    task_types: Sequence[str]  # the task types it can infer, e.g. ["人数统计"]
    name: str  # for people
    server: str | None  # the easyai server; None: do not register
    host: str  # the address to bind to
    port: int  # 0: any free port
    max_concurrency: int  # calls of the function at the same time, at least 1
    version: str
    advertise: str | None  # host or host:port under which the server reaches this service
    heartbeat_interval_sec: float
    download_timeout_sec: float  # for the whole download of a picture
    max_picture_bytes: int
    max_picture_pixels: int

    def __post_init__(self) -> None:
        _require(bool(self.service_id.strip()), "service_id must not be empty")
        _require(not isinstance(self.task_types, str), "task_types must be a list of strings")
        _require(bool(self.task_types), "task_types must name a task type")
        _require(
            all(isinstance(each, str) and each.strip() for each in self.task_types),
            "task_types must hold strings that are not empty",
        )
        _require(0 <= self.port <= 65535, "port must be within 0..65535")
        _require(self.max_concurrency >= 1, "max_concurrency must be at least 1")
        for option in (
            "heartbeat_interval_sec",
            "download_timeout_sec",
            "max_picture_bytes",
            "max_picture_pixels",
        ):
            _require(getattr(self, option) > 0, f"{option} must be above 0")
        if self.server is not None:
            parts = urlsplit(self.server)
            _require(
                parts.scheme in ("http", "https") and bool(parts.hostname),
                "server must be a URL like http://127.0.0.1:5066",
            )
        self._check_addresses()

    def endpoint(self, port: int) -> str:
        """Return the URL to register, for a service bound to `port`."""
        address = self.advertise or _bracketed(self.host)
        match = _HOST_AND_PORT.fullmatch(address)
        own_port = match is not None and match[2] is not None
        return f"http://{address}/infer" if own_port else f"http://{address}:{port}/infer"

    def registration(self, port: int) -> dict[str, Any]:
        """Return the body of the registering call."""
        body: dict[str, Any] = {
            "service_id": self.service_id,
            "name": self.name,
            "task_types": list(self.task_types),
            "endpoint": self.endpoint(port),
            "version": self.version,
            "max_concurrency": self.max_concurrency,
        }
        # The server's own limit is 60 s, or the value that its operator has set. Only a service
        # that reports more rarely than usual asks for another limit.
        if self.heartbeat_interval_sec > 30:
            body["heartbeat_timeout_sec"] = self.heartbeat_interval_sec * 2
        return body

    def _check_addresses(self) -> None:
        if self.advertise is None:
            _require(
                self.host not in _ANY_ADDRESS,
                f"advertise is needed with host {self.host!r}: the address under which the "
                "easyai server reaches this machine, e.g. 192.168.1.20",
            )
        else:
            _require(
                _HOST_AND_PORT.fullmatch(self.advertise) is not None,
                "advertise must be a host or host:port, e.g. 192.168.1.20 (no http://, no path)",
            )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)
