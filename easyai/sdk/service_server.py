"""A whole service around the author's function: HTTP server, registration, clean stop."""

import logging
import threading
from collections.abc import Sequence
from typing import Any, Self

from easyai.sdk.call_counters import Statistics
from easyai.sdk.detection import DetectFunction
from easyai.sdk.download import Downloader
from easyai.sdk.http_server import InferServer
from easyai.sdk.keep_registered import Registration, RegistrationState
from easyai.sdk.picture import MAX_PIXELS
from easyai.sdk.request_handling import Inference
from easyai.sdk.server_client import ServerClient
from easyai.sdk.settings import ServiceSettings

log = logging.getLogger(__name__)

DEFAULT_SERVER = "http://127.0.0.1:5066"

_DRAIN_TIMEOUT_SEC = 10.0  # for frames in work at a stop; slower frames are inferred elsewhere
_CLOSE_TIMEOUT_SEC = 2.0


class Service:
    """An algorithm service in this process; a context manager that starts and stops it.

    detect: the function, called with a Picture in the thread of a request.
    service_id, name, version: the identity of the service; name defaults to service_id.
    task_types: the task types it can infer.
    server: the easyai server's URL; None serves without registering, for tests.
    host, port: where to listen; port 0 takes a free port.
    max_concurrency: how many calls of `detect` may run at the same time.
    advertise: host or host:port under which the server reaches this service, if it differs from
        host and port (containers, several machines).
    heartbeat_interval_sec, download_timeout_sec: seconds; max_picture_bytes: bytes;
        max_picture_pixels: width times height, read from the header before decoding.

    Raises ValueError naming the wrong option.
    """

    def __init__(
        self,
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
        download_timeout_sec: float = 20.0,
        max_picture_bytes: int = 50 * 1024 * 1024,
        max_picture_pixels: int = MAX_PIXELS,
    ) -> None:
        self.settings = ServiceSettings(
            service_id=service_id,
            task_types=task_types,
            name=name or service_id,
            server=server,
            host=host,
            port=port,
            max_concurrency=max_concurrency,
            version=version,
            advertise=advertise,
            heartbeat_interval_sec=heartbeat_interval_sec,
            download_timeout_sec=download_timeout_sec,
            max_picture_bytes=max_picture_bytes,
            max_picture_pixels=max_picture_pixels,
        )
        self._detect = detect
        self._statistics = Statistics()
        self._running: _Running | None = None

    @property
    def endpoint(self) -> str:
        """The registered URL; raises RuntimeError before the start."""
        return self.settings.endpoint(self._started().http.port)

    @property
    def port(self) -> int:
        """The port of the service; raises RuntimeError before the start."""
        return self._started().http.port

    @property
    def state(self) -> RegistrationState | None:
        """The registration state at the easyai server; None without a server."""
        registration = self._started().registration
        return registration.state if registration else None

    def start(self) -> None:
        """Listen and begin to register; returns at once, whether the server answers or not.

        Raises OSError when the port is taken, RuntimeError when the service has started already.
        """
        if self._running is not None:
            raise RuntimeError("the service has started already")
        self._running = _Running(self.settings, self._detect, self._statistics)

    def stop(self) -> None:
        """Unregister, finish the frames in work, stop listening; does nothing when stopped."""
        if self._running is not None:
            self._running.stop()
            self._running = None

    def wait_registered(self, timeout_sec: float) -> bool:
        """Wait until the server accepts the registration; False after `timeout_sec`."""
        registration = self._started().registration
        return registration is not None and registration.wait(
            RegistrationState.REGISTERED, timeout_sec
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _started(self) -> "_Running":
        if self._running is None:
            raise RuntimeError("the service has not started: call start() or use `with`")
        return self._running


class _Running:
    """The parts that exist between start and stop."""

    def __init__(
        self, settings: ServiceSettings, detect: DetectFunction, statistics: Statistics
    ) -> None:
        self._settings = settings
        self._statistics = statistics
        # Twice the slots, because the next frame is downloaded while the last frame is inferred. At
        # least 32 connections leave places for callers that send more at once.
        self._downloader = Downloader(
            settings.download_timeout_sec,
            settings.max_picture_bytes,
            connections=max(32, 2 * settings.max_concurrency),
        )
        inference = Inference(
            detect,
            self._downloader,
            statistics,
            settings.max_concurrency,
            settings.max_picture_pixels,
        )
        address = (settings.host, settings.port)
        self.http = InferServer(address, inference.reply, self._health)
        self._thread = threading.Thread(
            target=self.http.serve_forever, args=(0.1,), name="easyai-http", daemon=True
        )
        self._thread.start()
        log.info("serving %s at %s", settings.service_id, settings.endpoint(self.http.port))
        self.registration = self._register() if settings.server else None

    def stop(self) -> None:
        if self.registration:
            self.registration.stop()
        self.http.shutdown()
        self._thread.join()
        self.http.server_close()
        if not self.http.drain(_DRAIN_TIMEOUT_SEC):
            log.warning("frames still in work after %g s, leaving them", _DRAIN_TIMEOUT_SEC)
        self.http.close_connections(_CLOSE_TIMEOUT_SEC)
        self._downloader.close()

    def _register(self) -> Registration:
        client = ServerClient(
            str(self._settings.server), self._settings.registration(self.http.port)
        )
        registration = Registration(
            client, self._statistics.as_heartbeat, self._settings.heartbeat_interval_sec
        )
        registration.start()
        return registration

    def _health(self) -> dict[str, Any]:
        return {
            "status": "ok",
            "service_id": self._settings.service_id,
            "task_types": list(self._settings.task_types),
            "version": self._settings.version,
            "registration": self.registration.state.value if self.registration else "none",
            **self._statistics.as_heartbeat(),
        }
