"""Running installations whose frames lie in a bucket, as an operator sets them up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from easyai.settings.schema import Minio
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.easyai_process import EasyaiProcess
from tests.support.outside import Outside

TYPE = "人数统计"


def as_file(settings: Minio) -> str:
    """A settings file that names the bucket."""
    values = {
        "endpoint": settings.endpoint,
        "bucket": settings.bucket,
        "access_key": settings.access_key,
        "secret_key": settings.secret_key.get_secret_value(),
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(['[frame_extractor]\nstore = "minio"', "[frame_extractor.minio]", *lines, ""])


@contextmanager
def running(
    folder: Path, settings: Minio, environment: dict[str, str] | None = None
) -> Iterator[tuple[EasyaiProcess, Outside, AlgorithmStub]]:
    """`easyai up` on a bucket, and a service that downloads each picture by its link."""
    with (
        EasyaiProcess(folder, as_file(settings), environment) as easyai,
        AlgorithmStub(task_types=(TYPE,), download=True) as stub,
    ):
        easyai.start(timeout=60)
        stub.register(easyai.url)
        yield easyai, Outside(easyai.url, easyai.frames), stub
