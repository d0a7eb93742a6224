"""Frames in a bucket of a real S3 server: easyai against plain Celery with minio-py."""

from __future__ import annotations

from functools import partial

from bench.bucket import bucket_server, new_bucket
from bench.contest import Backend
from bench.progress import Progress
from bench.report import Row, Target
from bench.rounds import alternate, compared
from bench.scale import Scale
from bench.servers import MissingError
from bench.throughput import algorithm, easyai, plain_celery

_WORKERS = (1, 4)


def s3(scale: Scale, progress: Progress) -> list[Row]:
    """With one worker and with four, in the same rounds."""
    targets = {number: _target(number) for number in _WORKERS}
    try:
        with bucket_server() as server, algorithm() as endpoint:
            backend = Backend(
                "S3",
                new_bucket=partial(new_bucket, server),
                servers={"seaweedfs": server.pid or 0},
            )
            sides = {
                number: easyai(backend, endpoint, scale.bucket_frames, number)
                for number in _WORKERS
            }
            _, plain = plain_celery(backend, endpoint, scale.bucket_tasks, progress)
            alternate([*sides.values(), plain], scale.bucket_rounds, progress)
    except MissingError as error:
        return [Row(target, not_run=str(error)) for target in targets.values()]
    return [compared(targets[number], side, plain) for number, side in sides.items()]


def _target(workers: int) -> Target:
    own = "1 worker" if workers == 1 else f"{workers} workers"
    return Target(f"frames/s on S3 (SeaweedFS), {own} ÷ plain Celery with minio-py", 1, 2)
