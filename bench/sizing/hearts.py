"""``python -m bench.sizing.hearts SERVER SERVICES INTERVAL_SEC``: heartbeats of many services."""

from __future__ import annotations

import asyncio
import sys

import aiohttp

from easyai.process.supervisor_link import die_with_parent


async def main() -> None:
    """Send until killed, at even intervals."""
    server, services, interval_sec = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    print("beats", flush=True)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        await asyncio.gather(
            *(_beat(session, server, number, services, interval_sec) for number in range(services))
        )


async def _beat(
    session: aiohttp.ClientSession, server: str, number: int, services: int, interval_sec: float
) -> None:
    await asyncio.sleep(interval_sec * number / services)
    url = f"{server}/api/v1/ai_analysis/heartbeat/heart-{number}"
    while True:
        try:
            async with session.post(url):
                pass
        except (aiohttp.ClientError, TimeoutError):
            pass  # the API may still be starting
        await asyncio.sleep(interval_sec)


if __name__ == "__main__":
    die_with_parent()
    asyncio.run(main())
