"""Requests to the dashboard in this process, and the CPU time that the database takes of each."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, MutableMapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode

from sqlalchemy import event

from bench.processes import BenchError
from easyai.dashboard.dashboard_app import create_app
from easyai.db.session import Database
from easyai.runtime import Runtime


class Cost(NamedTuple):
    """Milliseconds of CPU."""

    database: float  # of transactions: this process, and on PostgreSQL the session's server process
    whole: float  # all threads of this process, and the same server processes


class DatabaseMeter:
    """Adds up the CPU time of all transactions, each from its first statement to its end."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.reset()
        event.listen(db.engine, "checkout", self._begin)
        event.listen(db.engine, "checkin", self._end)

    def reset(self) -> None:
        """Begin anew."""
        self._own_sec = self._server_sec = 0.0
        self._began_sec = time.process_time()

    def cost(self) -> Cost:
        """The cost since the last reset."""
        whole = time.process_time() - self._began_sec + self._server_sec
        return Cost((self._own_sec + self._server_sec) * 1000, whole * 1000)

    def _begin(self, connection: Any, record: Any, _proxy: Any) -> None:
        record.info[self] = (time.thread_time(), self._server_now_sec(connection))

    def _end(self, connection: Any, record: Any) -> None:
        own_sec, server_sec = record.info.pop(self)
        self._own_sec += time.thread_time() - own_sec
        self._server_sec += self._server_now_sec(connection) - server_sec

    def _server_now_sec(self, connection: Any) -> float:
        if self._db.is_sqlite:
            return 0.0
        pid = connection.info.backend_pid
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


class PageServer:
    """The API with the dashboard, called from this machine without sockets."""

    def __init__(self, runtime: Runtime) -> None:
        self._app = create_app(runtime)
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._state: Any = None

    def call(self, method: str, path: str, given: Mapping[str, Any]) -> Any:
        """The JSON of an answer; `given`: the query, or the body of a POST. Raises BenchError."""
        return self._runner.run(self._call(method, path, given))

    async def _call(self, method: str, path: str, given: Mapping[str, Any]) -> Any:
        body = json.dumps(dict(given)).encode() if method == "POST" else b""
        requests = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            if not requests:
                await asyncio.Event().wait()  # the client stays
            return requests.pop()

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        query = "" if method == "POST" else urlencode(given)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")],
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 5066),
            "state": dict(self._state),
        }
        await self._app(scope, receive, send)
        content = b"".join(message.get("body", b"") for message in sent)
        if sent[0]["status"] != 200:
            raise BenchError(f"{method} {path}: {sent[0]['status']} {content[:200]!r}")
        return json.loads(content) if content[:1] in (b"{", b"[") else content

    async def _open(self) -> None:
        lifespan = self._app.router.lifespan_context(self._app)
        self._state = await self._stack.enter_async_context(lifespan)

    def __enter__(self) -> Self:
        self._runner.run(self._open())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()
