"""A real algorithm service on loopback whose behaviour a test scripts."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
import requests
from aiohttp import web

from tests.support.ports import free_port
from tests.support.waiting import wait_until

T = TypeVar("T")
Frame = dict[str, Any]
# A status and a JSON body (bytes: sent as they are); None drops the connection without an answer.
Answer = tuple[int, Any] | None

_API = "/api/v1/ai_analysis"


@dataclass
class Received:
    """A frame that was sent to the stub."""

    frame: Frame  # the JSON body
    at: float  # time.time() of its arrival
    running: int  # requests running then, this request included
    picture: bytes | None = None  # the content of image_url, with download=True
    answered_at: float | None = None


def detections(count: int) -> Answer:
    """The answer of a service that found ``count`` objects."""
    boxes = [
        {"bbox": [10 * n, 10, 10 * n + 8, 18], "class": "person", "confidence": 0.9}
        for n in range(count)
    ]
    result = {"total_count": count, "detections": boxes}
    return 200, {"success": True, "result": result, "confidence": 0.9, "inference_time_ms": 1.5}


@dataclass
class AlgorithmStub:
    """POST /infer and GET /health in a thread; the same port over `stop` and `start`.

    ``answer`` gets the frame and may be a coroutine function; ``delay`` (seconds, or a function of
    the frame) passes before it. Both may be changed while it runs.
    """

    service_id: str = "stub"
    task_types: tuple[str, ...] = ("人数统计",)
    answer: Callable[[Frame], Any] = lambda frame: detections(1)
    delay: float | Callable[[Frame], float] = 0.0
    download: bool = False
    health_status: int = 200
    port: int = field(default_factory=free_port)
    received: list[Received] = field(default_factory=list, init=False)
    traceparents: list[str] = field(default_factory=list, init=False)  # where sent
    health_checks: int = field(default=0, init=False)
    running: int = field(default=0, init=False)
    max_running: int = field(default=0, init=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _runner: web.AppRunner | None = field(default=None, init=False)
    _session: aiohttp.ClientSession | None = field(default=None, init=False)

    @property
    def endpoint(self) -> str:
        """The URL that takes frames."""
        return f"http://127.0.0.1:{self.port}/infer"

    @property
    def count(self) -> int:
        """Frames received since the start or the last `forget`."""
        return len(self.received)

    @property
    def image_paths(self) -> list[str]:
        """``image_path`` of every frame received, in order of arrival."""
        return [item.frame["image_path"] for item in self.received]

    def forget(self) -> None:
        """Empty the record."""
        self.received.clear()
        self.max_running = self.running
        self.health_checks = 0

    def start(self) -> AlgorithmStub:
        """Listen; returns when connections are accepted."""
        assert self._loop is None, "the stub runs already"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="algorithm-stub")
        self._thread.start()
        self._run(self._listen())
        return self

    def stop(self) -> None:
        """Stop listening and cut running requests; connections are refused afterwards."""
        if self._loop is None or self._thread is None:
            return
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self._loop = self._thread = None
        self.running = 0

    def register(self, server: str, **extra: Any) -> None:
        """Register with the easyai server at ``server`` (``http://host:port``)."""
        body = {
            "service_id": self.service_id,
            "name": f"stub {self.service_id}",
            "task_types": list(self.task_types),
            "endpoint": self.endpoint,
            "version": "1.0",
        }
        _call("POST", f"{server}{_API}/register", body | extra)

    def heartbeat(self, server: str) -> None:
        """Send a heartbeat by service id."""
        _call("POST", f"{server}{_API}/heartbeat/{quote(self.service_id, safe='')}", None)

    def unregister(self, server: str) -> None:
        """Unregister by service id."""
        _call("DELETE", f"{server}{_API}/unregister/{quote(self.service_id, safe='')}", None)

    def wait_for(self, count: int, timeout: float = 15.0) -> list[Received]:
        """Wait until at least ``count`` frames have arrived."""
        wait_until(lambda: self.count >= count, timeout, f"{count} frames at the algorithm")
        return self.received

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_post("/infer", self._infer)
        app.router.add_get("/health", self._health)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, backlog=1024).start()
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))

    async def _close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()
        own = asyncio.current_task()
        rest = [task for task in asyncio.all_tasks() if task is not own]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _health(self, request: web.Request) -> web.Response:
        self.health_checks += 1
        return web.json_response({"status": "ok"}, status=self.health_status)

    async def _infer(self, request: web.Request) -> web.StreamResponse:
        frame = await request.json()
        if "traceparent" in request.headers:
            self.traceparents.append(request.headers["traceparent"])
        self.running += 1
        self.max_running = max(self.max_running, self.running)
        item = Received(frame=frame, at=time.time(), running=self.running)
        self.received.append(item)
        try:
            if self.download:
                item.picture = await self._fetch(frame["image_url"])
            seconds = self.delay(frame) if callable(self.delay) else self.delay
            if seconds:
                await asyncio.sleep(seconds)
            answer = self.answer(frame)
            if inspect.isawaitable(answer):
                answer = await answer
        finally:
            self.running -= 1
            item.answered_at = time.time()
        return self._respond(request, answer)

    def _respond(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        status, body = answer
        if isinstance(body, bytes):
            return web.Response(status=status, body=body)
        return web.json_response(body, status=status)

    async def _fetch(self, url: str) -> bytes | None:
        assert self._session is not None
        async with self._session.get(url) as response:
            return await response.read() if response.status == 200 else None

    def __enter__(self) -> AlgorithmStub:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _call(method: str, url: str, body: dict[str, Any] | None) -> None:
    with requests.request(method, url, json=body, timeout=10) as response:
        assert response.ok, f"{method} {url}: {response.status_code} {response.text}"
