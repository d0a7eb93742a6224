"""Plain Celery's side: one worker of `bench.plain_celery` and its producer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import contest, plain_celery, site
from bench.bucket import BucketCamera
from bench.contest import Backend, FinishingLine, Run
from bench.pictures import Camera, Place
from bench.processes import Child

_EMBEDDED_BROKER_URL = "filesystem://localhost/"


@dataclass(frozen=True)
class Pool:
    """How a worker runs its tasks."""

    name: str
    concurrency: int

    def __str__(self) -> str:
        return f"{self.name} -c {self.concurrency}"


# A larger pool is slower on few cores: its tasks wait for SQLite's one writer or each other.
POOLS = (Pool("threads", 4), Pool("prefork", 2))


def measure_frames(
    backend: Backend, endpoint: str, pool: Pool, count: int, http: str = "requests"
) -> Run:
    """From frames in place to saved alerts and moved pictures, one task per frame."""
    bucket = backend.new_bucket() if backend.new_bucket else None
    with _application(backend, endpoint) as (folder, environment):
        environment["PLAIN_HTTP"] = http
        if bucket:
            parts = (bucket.endpoint, bucket.name, bucket.access_key, bucket.secret_key)
            environment["PLAIN_BUCKET"] = " ".join(parts)
        place: Place = BucketCamera(bucket) if bucket else Camera(folder / "snapshots")
        engine = plain_celery.open_engine(environment["PLAIN_DATABASE_URL"])
        plain_celery.metadata.create_all(engine)
        try:
            with _worker(folder, environment, pool) as worker:
                for number in (contest.WARM_UP, count):
                    place.write(number)
                    line = FinishingLine(engine, place, number)
                    with _producer(folder, environment, "frames") as producer:
                        own = [worker, producer]
                        run = contest.measure(
                            own, backend.servers, number, producer.go, line.crossed
                        )
                return run
        finally:
            engine.dispose()


def measure_noops(backend: Backend, pool: Pool, count: int) -> Run:
    """Empty tasks, from the first sent task to the last done task."""
    with (
        _application(backend, "") as (folder, environment),
        _worker(folder, environment, pool) as worker,
    ):
        _noops(worker, backend, folder, environment, contest.WARM_UP)
        return _noops(worker, backend, folder, environment, count)


def _noops(
    worker: Child, backend: Backend, folder: Path, environment: Mapping[str, str], count: int
) -> Run:
    done = folder / "done"
    done.unlink(missing_ok=True)
    with _producer(folder, environment, "noops", str(count), str(done)) as producer:
        own = [worker, producer]
        return contest.measure(own, backend.servers, count, producer.go, done.exists)


@contextmanager
def _application(backend: Backend, endpoint: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder with the application's settings."""
    with site.fresh_folder() as folder:
        environment = {
            "PLAIN_BROKER_URL": backend.broker_url or _EMBEDDED_BROKER_URL,
            "PLAIN_BROKER_FOLDER": str(folder / "broker"),
            "PLAIN_DATABASE_URL": backend.new_database() or f"sqlite:///{folder / 'plain.db'}",
            "PLAIN_FRAMES": str(folder / "snapshots"),
            "PLAIN_ENDPOINT": endpoint,
        }
        try:
            yield folder, environment
        finally:
            backend.clear_broker()


def _worker(folder: Path, environment: Mapping[str, str], pool: Pool) -> Child:
    arguments = ["-m", "celery", "--quiet", "-A", "bench.plain_celery", "worker", "-l", "WARNING"]
    arguments += ["-P", pool.name, "-c", str(pool.concurrency)]
    arguments += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return Child("plain", arguments, folder, environment)


@contextmanager
def _producer(folder: Path, environment: Mapping[str, str], *what: str) -> Iterator[Child]:
    """A producer that has started and waits for its `go`."""
    arguments = ["-m", "bench.plain_celery", *what]
    with Child("producer", arguments, folder, environment) as producer:
        producer.read_line()
        yield producer
