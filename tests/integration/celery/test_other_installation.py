"""A worker on the frames of another installation ends by itself and names that installation."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from easyai.pipeline.ownership import require_store
from tests.integration.celery.conftest import MakeInstallation
from tests.integration.celery.installation import Installation
from tests.integration.store.conftest import swift_server
from tests.integration.store.places import BucketPlace
from tests.integration.store.swift_server import SwiftServer

__all__ = ["swift_server"]

ENDS_WITHIN_SEC = 30


def _on_folder(installation: Installation, frames: Path) -> None:
    text = installation.config.read_text()
    own = str(installation.folder / "frames")
    installation.config.write_text(text.replace(own, str(frames)), encoding="utf-8")


def _on_bucket(installation: Installation, place: BucketPlace) -> None:
    minio = place.server.settings(place.bucket)
    text = installation.config.read_text()
    installation.config.write_text(
        text.replace("[frame_extractor]", '[frame_extractor]\nstore = "minio"')
        + f"""
            [frame_extractor.minio]
            endpoint = "{minio.endpoint}"
            bucket = "{minio.bucket}"
            access_key = "{minio.access_key}"
            secret_key = "{minio.secret_key.get_secret_value()}"
        """,
        encoding="utf-8",
    )


def _is_refused(first: Installation, second: Installation) -> None:
    require_store(first.runtime)
    assert second.runtime  # makes its database
    worker = second.worker()
    assert worker.process.wait(ENDS_WITHIN_SEC) == os.EX_CONFIG, worker.logs()
    (ending,) = [line for line in worker.logs().splitlines() if "the worker ends" in line]
    assert f"data folder {first.folder / 'data'}," in ending
    assert "`claim --take-over`" in ending


@pytest.mark.parametrize("pool", ["threads", "solo", "prefork"])
def test_worker_on_the_folder_of_another_installation_exits_with_ex_config(
    make_installation: MakeInstallation, pool: str
) -> None:
    first, second = make_installation(), make_installation()
    _on_folder(second, first.folder / "frames")
    # `--pool prefork` would mean the pool of the settings: Celery treats it as not given.
    (second.folder / "celeryconfig.py").write_text(
        f"from easyai.tasks.defaults import *\nworker_pool = {pool!r}\nworker_concurrency = 2\n",
        encoding="utf-8",
    )
    _is_refused(first, second)


def test_worker_on_the_bucket_of_another_installation_exits_with_ex_config(
    make_installation: MakeInstallation, swift_server: SwiftServer
) -> None:
    place = BucketPlace(swift_server)
    first, second = make_installation(), make_installation()
    for installation in (first, second):
        _on_bucket(installation, place)
    _is_refused(first, second)
