"""Tabs of the dashboard without browsers: ``python -m tests.support.live_tabs PORT COUNT``.

Each reads the live state over a WebSocket of its own. Prints a line when all are open, and the
number of messages once standard input ends.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from websockets.asyncio.client import connect

from tests.support.part_process import clean_environment

_PATH = "/api/v1/live"


@contextmanager
def live_tabs(port: int, count: int) -> Iterator[None]:
    """Tabs on a server of this machine, in a process of their own; each has had messages."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.live_tabs", str(port), str(count)],
        env=clean_environment({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "open\n"
        yield
        output, _ = process.communicate(timeout=10)
        assert int(output) > count, "the tabs have received nothing"


async def _read(port: int, opened: asyncio.Semaphore, received: list[int]) -> None:
    async with connect(f"ws://127.0.0.1:{port}{_PATH}", proxy=None) as socket:
        opened.release()
        async for _ in socket:
            received[0] += 1


async def _main(port: int, count: int) -> None:
    opened, received = asyncio.Semaphore(0), [0]
    tabs = [asyncio.create_task(_read(port, opened, received)) for _ in range(count)]
    for _ in tabs:
        await opened.acquire()
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(received[0], flush=True)
    for tab in tabs:
        tab.cancel()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2])))
