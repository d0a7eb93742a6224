"""Frames in a bucket → last alert saved, last picture moved: ``python -m bench.bucket_frames``.

One worker process as `easyai up` starts it, SQLite, the S3 server of bench/bucket_stub.py.
"""

from __future__ import annotations

import time
from http.client import HTTPConnection
from urllib.parse import quote

import click
from sqlalchemy import Engine, text

from bench import contest, easyai_side, pictures, site
from bench.bucket import Bucket
from bench.bucket_calls import requests_of, served
from bench.contest import Run
from bench.throughput import algorithm
from easyai.runtime import Runtime


@click.command()
@click.option("--frames", default=4000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option(
    "--rest-sec",
    default=1.0,
    show_default=True,
    help="From the worker's first frames to the measured frames; after 61 s it trusts listings.",
)
def main(frames: int, rounds: int, rest_sec: float) -> None:
    """Print rate, CPU time of the worker, and requests for each frame."""
    with algorithm() as service:
        for _ in range(rounds):
            with served("") as (endpoint, _):
                run, requests = _measure(service, endpoint, frames, rest_sec)
            print(
                f"{run.rate:.0f} frames/s, {run.cpu_ms:.2f} ms CPU and {requests:.2f} requests each"
            )


def _measure(service: str, endpoint: str, count: int, rest_sec: float) -> tuple[Run, float]:
    with site.fresh_folder() as folder:
        bucket = Bucket(endpoint, "frames", "easyai", "easyaisecret")
        settings = site.write_settings(folder, bucket=bucket)
        with (
            site.installation(settings, service) as runtime,
            easyai_side.worker(settings) as worker,
        ):
            worker.wait_for_log(" ready.")
            clock = easyai_side.Clock(easyai_side.sender(runtime.settings))

            def infer(first: int, number: int) -> Run:
                _write(endpoint, first, number)
                line = _FinishingLine(runtime, first + number)

                def finished() -> bool:
                    clock.tick_when_due()
                    return line.crossed()

                return contest.measure([worker], {}, number, clock.tick, finished)

            infer(0, contest.WARM_UP)
            rested_at = time.monotonic() + rest_sec
            while time.monotonic() < rested_at:
                clock.tick_when_due()
                time.sleep(0.1)
            before = requests_of(endpoint)
            run = infer(contest.WARM_UP, count)
            return run, (requests_of(endpoint) - before - count) / count


class _FinishingLine:
    """Reached when a number of alerts is saved and each picture has left its key."""

    def __init__(self, runtime: Runtime, alerts: int) -> None:
        self._engine: Engine = runtime.db.engine
        self._alerts = alerts

    def crossed(self) -> bool:
        return self._ask("max(id) FROM alerts") >= self._alerts and not self._ask(
            "count(*) FROM frames WHERE image_path IS NULL"
        )

    def _ask(self, what: str) -> int:
        with self._engine.connect() as conn:
            return int(conn.execute(text(f"SELECT {what}")).scalar_one() or 0)


def _write(endpoint: str, first: int, count: int) -> None:
    """Put further frames into the bucket, spread over the cameras."""
    connection = HTTPConnection(endpoint, timeout=10)
    content = pictures.picture()
    for number in range(first, first + count):
        camera = pictures.camera_name(number % pictures.CAMERAS)
        key = f"{pictures.TASK_TYPE}/{camera}/20251114-{number:09d}.jpg"
        connection.request("PUT", f"/frames/{quote(key)}", content)
        connection.getresponse().read()
    connection.close()


if __name__ == "__main__":
    main()
