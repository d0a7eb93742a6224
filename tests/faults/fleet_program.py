"""Algorithm services as a program: each on its own port, in a single process that can be killed.

Registers until it succeeds, then only sends heartbeats, as the clients in the field do. Writes
every request and answer to a file before it goes on. ``POST /control`` changes what it does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import web

from tests.faults.expected import expected

_API = "/api/v1/ai_analysis"


class Fleet:
    """The services of this process and their present behaviour."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.delay_sec: float = options.delay
        self.hangs = False  # accepts, never answers
        self.heartbeats = not options.silent
        self.healed = asyncio.Event()
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        self._record = os.open(options.record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def note(self, what: str, service_id: str, key: str, number: int) -> None:
        """Write a line of the record in a single write: it survives SIGKILL."""
        line = json.dumps([time.time(), what, service_id, key, number], ensure_ascii=False)
        os.write(self._record, (line + "\n").encode())

    async def control(self, request: web.Request) -> web.Response:
        """Change hangs, heartbeats or delay_sec."""
        for name, value in (await request.json()).items():
            setattr(self, name, value)
        if not self.hangs:
            self.healed.set()
            self.healed = asyncio.Event()
        return web.json_response({"ok": True})


class Service:
    """A service with an id and a port."""

    def __init__(self, fleet: Fleet, service_id: str, port: int) -> None:
        self._fleet, self._id, self._port = fleet, service_id, port
        self._numbers = 0

    async def start(self) -> None:
        """Listen, then register and send heartbeats for ever."""
        app = web.Application()
        app.router.add_post("/infer", self._infer)
        app.router.add_get("/health", self._health)
        app.router.add_post("/control", self._fleet.control)
        # A request that its sender gave up ends at once, so that it does not count as in flight.
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, self._fleet.options.host, self._port, backlog=1024).start()
        self._living = asyncio.create_task(self._live())

    async def _live(self) -> None:
        options = self._fleet.options
        body = {
            "service_id": self._id,
            "name": f"detector {self._id}",
            "task_types": self._task_types(),
            "endpoint": f"http://{options.host}:{self._port}/infer",
            "version": "1.0",
            "max_concurrency": options.max_concurrency,
        }
        while not await self._post("/register", body):  # noqa: ASYNC110 - it tries, it does not wait
            await asyncio.sleep(0.5)
        while True:
            await asyncio.sleep(options.heartbeat_sec)
            if self._fleet.heartbeats:
                await self._post(f"/heartbeat/{quote(self._id, safe='')}", None)

    def _task_types(self) -> list[str]:
        own = [f"{self._id}类{number}" for number in range(self._fleet.options.own_types)]
        return own or self._fleet.options.types.split(",")

    async def _post(self, path: str, body: Any) -> bool:
        url = self._fleet.options.server + _API + path
        try:
            async with self._fleet.session.post(url, json=body) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def _health(self, _request: web.Request) -> web.Response:
        if self._fleet.hangs:
            await self._fleet.healed.wait()
        return web.json_response({"status": "ok"})

    async def _infer(self, request: web.Request) -> web.Response:
        fleet, frame = self._fleet, await request.json()
        key = frame["image_path"]
        self._numbers += 1
        number = self._numbers
        fleet.note("in", self._id, key, number)
        what = "cut"
        try:
            if fleet.hangs:
                await fleet.healed.wait()
            problem = await self._fetch(frame["image_url"]) if fleet.options.download else ""
            await asyncio.sleep(fleet.delay_sec)
            answer = _answer(key, problem)
            what = "refused" if not answer["success"] else "answered"
        finally:
            fleet.note(what, self._id, key, number)
        return web.json_response(answer)

    async def _fetch(self, url: str) -> str:
        try:
            async with self._fleet.session.get(url) as response:
                picture = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return f"cannot load the image: {type(error).__name__}"
        whole = response.status == 200 and picture.endswith(b"\xff\xd9")
        return "" if whole else f"cannot load the image: {response.status}"


def _answer(key: str, problem: str) -> dict[str, Any]:
    outcome, count = expected(key)
    if problem or outcome == "failed":
        return {"success": False, "error": problem or "not an image of a street"}
    box = {"bbox": [1, 1, 9, 9], "class": "person", "confidence": 0.9}
    result = {"total_count": count, "detections": [box] * count}
    return {"success": True, "result": result, "confidence": 0.9, "inference_time_ms": 1.5}


async def _serve(options: argparse.Namespace) -> None:
    fleet = Fleet(options)
    services = []
    for pair in options.services.split(","):
        service_id, _, port = pair.partition(":")
        services.append(Service(fleet, service_id, int(port)))
        await services[-1].start()
    await asyncio.Event().wait()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True, help="URL of the easyai API")
    parser.add_argument("--services", required=True, help="id:port,id:port,…")
    parser.add_argument("--host", default="127.0.0.1", help="the address of this machine")
    parser.add_argument("--types", required=True, help="task types, with commas")
    parser.add_argument("--own-types", type=int, default=0, help="types of each service alone")
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--delay", type=float, default=0.1)
    parser.add_argument("--max-concurrency", type=int, default=4)
    parser.add_argument("--heartbeat-sec", type=float, default=1.0)
    parser.add_argument("--silent", action="store_true", help="register, send no heartbeats")
    parser.add_argument("--download", action="store_true", help="fetch every picture")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
