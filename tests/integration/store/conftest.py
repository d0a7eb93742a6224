"""The two kinds of store: a folder, a bucket of a real object store."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.store.places import BucketPlace, Folder, Place, started
from tests.integration.store.swift_server import SwiftServer
from tests.support.object_server import ObjectServer


@pytest.fixture(scope="session")
def swift_server() -> Iterator[SwiftServer]:
    """An object store of this session; a test that stops it starts it again."""
    yield from started(SwiftServer())


@pytest.fixture(scope="session")
def object_server(swift_server: SwiftServer) -> ObjectServer:
    """The object store that the tests of this folder run on."""
    return swift_server


@pytest.fixture
def bucket(object_server: ObjectServer) -> BucketPlace:
    """A fresh bucket of a running object store."""
    object_server.start()
    return BucketPlace(object_server)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A fresh folder of frames."""
    root = tmp_path / "snapshots"
    root.mkdir()
    return Folder(root)


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest) -> Place:
    """Each kind of store in turn."""
    chosen: Place = request.getfixturevalue("folder" if request.param == "local" else "bucket")
    return chosen


@pytest.fixture
def open_folder() -> Iterator[Folder]:
    """A folder that every user can enter; only root can enter pytest's own folders."""
    root = Path(tempfile.mkdtemp(prefix="easyai-frames-"))
    root.chmod(0o755)
    yield Folder(root)
    root.chmod(0o755)
    for folder, within, _ in os.walk(root):
        for name in within:
            Path(folder, name).chmod(0o755)  # before it is looked into
    shutil.rmtree(root)
