"""Plain Celery's side: one worker of `bench.plain_celery`, with a producer, or with no-ops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import contest, plain_celery
from bench.contest import Backend, Run
from bench.pictures import Camera
from bench.processes import BenchError, Child

_BROKER_URL = "filesystem://localhost/"


@dataclass(frozen=True)
class Pool:
    """How a worker runs its tasks."""

    name: str
    concurrency: int

    def __str__(self) -> str:
        return f"{self.name} -c {self.concurrency}"


POOLS = (Pool("threads", 4), Pool("prefork", 2))


def measure_frames(backend: Backend, endpoint: str, count: int, pool: Pool) -> Run:
    """Frames in the folder to alerts saved and pictures moved, one task a frame."""
    with contest.fresh_folder() as folder:
        environment = _environment(backend, folder, endpoint)
        frames = folder / "snapshots"
        camera = Camera(frames)
        engine = plain_celery.open_engine(environment["PLAIN_DATABASE_URL"])
        plain_celery.metadata.create_all(engine)
        try:
            with _worker(folder, environment, pool) as worker:
                for number in (contest.WARM_UP_FRAMES, count):
                    camera.write(number)
                    with _producer(folder, environment) as producer:
                        run = contest.time_to_finish(worker, engine, frames, number, producer.go)
                return run
        finally:
            engine.dispose()
            backend.clear_broker()


def measure_noops(backend: Backend, count: int, pool: Pool) -> Run:
    """No-op tasks that wait in the queue when the worker starts, from the first to the last."""
    with contest.fresh_folder() as folder:
        environment = _environment(backend, folder, "")
        began, ended = folder / "began", folder / "ended"
        arguments = ["-m", "bench.plain_celery", "fill", str(count), str(began), str(ended)]
        try:
            with Child("filler", arguments, folder, environment) as filler:
                filler.wait(contest.LIMIT_SEC)
            with _worker(folder, environment, pool) as worker:
                worker.wait_until(ended.exists, contest.LIMIT_SEC, "the last no-op is done")
                worker.wait_until(lambda: bool(ended.read_text()), 5, "the time is written")
        finally:
            backend.clear_broker()
        return Run(count, float(ended.read_text()) - float(began.read_text()))


def _environment(backend: Backend, folder: Path, endpoint: str) -> dict[str, str]:
    return {
        "PLAIN_BROKER_URL": backend.broker_url or _BROKER_URL,
        "PLAIN_BROKER_FOLDER": str(folder / "broker"),
        "PLAIN_DATABASE_URL": backend.new_database() or f"sqlite:///{folder / 'plain.db'}",
        "PLAIN_FRAMES": str(folder / "snapshots"),
        "PLAIN_ENDPOINT": endpoint,
    }


def _worker(folder: Path, environment: Mapping[str, str], pool: Pool) -> Child:
    arguments = ["-m", "celery", "--quiet", "-A", "bench.plain_celery", "worker", "-l", "WARNING"]
    arguments += ["-P", pool.name, "-c", str(pool.concurrency)]
    arguments += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return Child("plain", arguments, folder, environment)


def _producer(folder: Path, environment: Mapping[str, str]) -> Child:
    producer = Child("producer", ["-m", "bench.plain_celery", "produce"], folder, environment)
    try:
        if producer.read_line() != "ready":
            raise BenchError(f"the producer did not start:\n{producer.tail()}")
    except BaseException:
        producer.kill()
        raise
    return producer
